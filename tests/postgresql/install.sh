#!/bin/sh
# Installs Debian's PostgreSQL server for these tests, where there is none. No cluster is made and
# nothing is started: the tests make their own in a temporary folder. Where it cannot be installed
# the tests are skipped, and say why.
set -u

if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "no PostgreSQL server here, and only root on Debian can install it: its tests are skipped"
    exit 0
fi
echo "installing PostgreSQL (for tests of the archive; no server is started)"
# Debian makes and starts a cluster of its own unless it is told not to, before it is installed.
settings=/etc/postgresql-common/createcluster.conf
if [ ! -e "$settings" ]; then
    mkdir -p "$(dirname "$settings")"
    echo "create_main_cluster = false" >"$settings"
fi
export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold postgresql"
$install >/dev/null 2>&1 || { apt-get update -qq && $install >/dev/null; } ||
    echo "PostgreSQL could not be installed: its tests are skipped"
