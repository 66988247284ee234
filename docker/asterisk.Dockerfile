# The lab's Asterisk with Ringfence's dialplan included, and SIPp to place calls with.
# Debian's next release, the first with an Asterisk 22 package.
ARG BASE=debian:forky-slim
FROM ${BASE}
# A fixed number, for compose to give memory folders to; the package takes the user as it is.
RUN groupadd --gid 10002 asterisk \
 && useradd --uid 10002 --gid 10002 -M -d /var/lib/asterisk -s /usr/sbin/nologin asterisk \
 && apt-get update \
 && apt-get install -y --no-install-recommends asterisk sip-tester \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/asterisk/* \
 && install -d -o asterisk -g asterisk -m 750 /etc/asterisk /var/log/asterisk /run/asterisk
# One list of modules and one set of neutral files for the lab with and without an engine.
COPY docker/lab/etc/empty.conf docker/lab/etc/indications.conf docker/lab/etc/modules.conf \
     docker/lab/etc/musiconhold.conf docker/lab/etc/rtp.conf docker/lab/etc/stasis.conf \
     docker/images/asterisk/etc/ dialplan/ringfence.conf \
     /usr/share/ringfence/etc/
COPY docker/images/asterisk/call.xml /usr/share/ringfence/
COPY docker/images/asterisk/start docker/images/asterisk/healthy docker/images/asterisk/call \
     /usr/local/bin/
RUN chmod 755 /usr/local/bin/start /usr/local/bin/healthy /usr/local/bin/call
USER asterisk
WORKDIR /var/lib/asterisk
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["healthy"]
CMD ["start"]
