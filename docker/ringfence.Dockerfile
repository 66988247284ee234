# Ringfence: an ordinary user, a read-only root file system, settings from the environment.
# Debian 13 for its Python 3.13; what is built against one Python must run on the same.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
# Without pip inside: the environment is all that is taken along. Every dependency is a ready wheel
# (there is no compiler here), and pip writes the bytecode that a read-only file system could not be
# given later.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/ringfence
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ONLY_BINARY=:all: PIP_NO_BINARY=ringfence
COPY docker/images/ringfence/machine docker/images/ringfence/install /machine/
WORKDIR /source
# The dependencies first and alone, so that a change of ours does not fetch them again.
COPY setup.cfg pyproject.toml ./
RUN mkdir ringfence && echo '__version__ = "0"' >ringfence/__init__.py \
 && sh /machine/install '.[uvloop,postgresql]' \
 && rm -rf build ringfence ./*.egg-info
COPY . .
RUN sh /machine/install --no-deps --force-reinstall .

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && groupadd --gid 10001 ringfence \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/ringfence \
      --shell /usr/sbin/nologin ringfence \
 && install -d -o ringfence -g ringfence -m 750 /var/lib/ringfence
COPY --from=build /opt/ringfence /opt/ringfence
COPY docker/images/ringfence/health.py /opt/ringfence/health.py
ENV PATH=/opt/ringfence/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RINGFENCE_STATE_DIR=/var/lib/ringfence
USER 10001:10001
WORKDIR /var/lib/ringfence
# Snapshot, the call log's spool and, without a Redis URL, the embedded Valkey's data.
VOLUME /var/lib/ringfence
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-I", "/opt/ringfence/health.py"]
STOPSIGNAL SIGTERM
CMD ["ringfence", "serve"]
