#!/bin/sh
# Makes ready what docker/compose.yaml needs on this machine; run it again at any time.
#   docker/.env             passwords and settings, written once, readable by you alone
#   base images             from the registry; where none is reachable, made here from Debian
#   images/.../machine/     this machine's pip index and CA bundle, for the build stage only
set -eu
cd "$(dirname "$0")"

say() { echo "prepare: $*"; }
fail() { echo "prepare: $*" >&2; exit 1; }

docker version >/dev/null 2>&1 \
  || fail "no container engine answers: apt-get install docker.io, start dockerd, be in its group"

if [ ! -f .env ]; then
  random() { od -An -N 18 -tx1 /dev/urandom | tr -d ' \n'; }
  (umask 077; cat >.env <<EOF
COMPOSE_PROJECT_NAME=ringfence
ARI_PASSWORD=$(random)
AMI_PASSWORD=$(random)
# Valkey, Asterisk and Ringfence listen on LAB_NET.1; the trunks call from .2, .3 and .4.
LAB_NET=127.0.0
LAB_VALKEY_PORT=6379
# agi or ari: the door that calls take unless they choose one
LAB_DOOR=agi
EOF
  )
  say "wrote docker/.env"
fi

# pip's own settings, told by pip itself, as they may lie in several files and in the environment.
machine=images/ringfence/machine
rm -f "$machine/pip.conf" "$machine/ca.pem"
setting() { python3 -m pip config get "$1" 2>/dev/null || :; }
if command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1; then
  index=${PIP_INDEX_URL:-$(setting global.index-url)}
  [ -z "$index" ] || (umask 077; printf '[global]\nindex-url = %s\n' "$index" >"$machine/pip.conf")
  ca=${PIP_CERT:-$(setting global.cert)}
  [ -z "$ca" ] || cp "$ca" "$machine/ca.pem"
fi

mirror() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(IDENTIFIER)|$(REPO_URI)' 2>/dev/null \
    | sed -n 's/^Debian|Debian|Packages|//p' | head -n 1
}

base() {
  suite=$1 image=debian:$1-slim
  if docker image inspect "$image" >/dev/null 2>&1; then return; fi
  if docker pull -q "$image" >/dev/null 2>&1; then say "pulled $image"; return; fi
  [ "$(id -u)" = 0 ] || fail "$image cannot be pulled; to make it here instead, run this as root"
  command -v mmdebstrap >/dev/null \
    || apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null \
    || fail "$image cannot be pulled, nor mmdebstrap be installed: check the network"
  from=$(mirror)
  [ -n "$from" ] || { apt-get update -qq; from=$(mirror); }
  [ -n "$from" ] || fail "apt has no Debian mirror: mend /etc/apt/sources.list"
  say "no registry has $image, making it from Debian's packages (half a minute)"
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  # A mirror's Release file may be past its Valid-Until date; that is no reason to stop.
  mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$made/$suite.tar" "deb $from $suite main" \
    || fail "mmdebstrap could not make $suite: its first line above says why"
  docker import "$made/$suite.tar" "$image" >/dev/null
  rm -rf "$made"
  trap - EXIT
}

base trixie
base forky
say "ready: docker-compose -f docker/compose.yaml up -d --build"
