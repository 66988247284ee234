# Valkey from Debian's own package, so that it can be built where no image registry is reachable.
ARG BASE=debian:trixie-slim
FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends valkey-server valkey-tools \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/valkey/* \
 && groupadd --gid 10003 keeper && useradd --uid 10003 --gid 10003 -M -d /data keeper \
 && install -d -o keeper -g keeper -m 750 /data
COPY docker/images/valkey/valkey.conf /usr/local/etc/valkey.conf
COPY docker/images/valkey/redis-cli /usr/local/bin/redis-cli
RUN chmod 755 /usr/local/bin/redis-cli
# What is listened on, and where redis-cli and the health check look.
ENV VALKEY_ADDRESS=127.0.0.1 VALKEY_PORT=6379
USER 10003:10003
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD redis-cli -t 2 ping | grep -qx PONG
CMD ["sh", "-c", "exec valkey-server /usr/local/etc/valkey.conf --bind \"$VALKEY_ADDRESS\" --port \"$VALKEY_PORT\""]
