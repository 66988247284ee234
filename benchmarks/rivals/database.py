"""Owns a MariaDB with the listed numbers, and Asterisk's settings for it; places no call.

MariaDB over its own ODBC driver is what most of Asterisk's distributions set up for call records,
so it is the database that is there already. It runs in the lab's root folder on a local socket.
"""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import LabError, process

PACKAGES = ("mariadb-server-core", "mariadb-client-core", "odbc-mariadb")
"""Debian's packages beyond the lab's own; mariadb-server itself would bring systemd."""
MODULES = ("res_odbc.so", "res_odbc_transaction.so", "func_odbc.so")
USER, DATABASE, FUNCTION = "asterisk", "screening", "ODBC_BLOCKED"
START_SECONDS = 20.0

_SERVER = """\
[mariadbd]
user = root
skip_networking
skip_name_resolve
datadir = {inside}/mariadb
socket = {inside}/run/mariadb.sock
pid_file = {inside}/run/mariadb.pid
init_file = {inside}/etc/mariadb.sql
"""
_ODBC = """\
[{database}]
Driver = MariaDB Unicode
Server = localhost
Socket = {inside}/run/mariadb.sock
Database = {database}
"""
# The sample file's number of connections, which Asterisk keeps and hands out again; unixODBC's own
# pooling stays off, as two pools would only look after each other.
_RES_ODBC = """\
[ENV]
ODBCINI => {inside}/etc/odbc.ini
[{database}]
enabled => yes
dsn => {database}
username => {user}
password => {password}
pre-connect => yes
max_connections => 20
"""
_FUNC_ODBC = """\
[BLOCKED]
dsn = {database}
readsql = SELECT COUNT(*) FROM blocked WHERE number='${{SQL_ESC(${{ARG1}})}}'
"""
# One line is one statement here.
_SQL = """\
CREATE DATABASE {database};
CREATE TABLE {database}.blocked (number VARCHAR(32) NOT NULL PRIMARY KEY);
LOAD DATA INFILE '{inside}/var/blocked.txt' INTO TABLE {database}.blocked;
CREATE USER '{user}'@'localhost' IDENTIFIED BY '{password}';
GRANT SELECT ON {database}.* TO '{user}'@'localhost';
"""


@contextmanager
def running(
    root: Path, home: Path, inside: str, numbers: Iterable[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """MariaDB up and filled, and Asterisk's files written; down afterwards."""
    values = {
        "inside": inside, "database": DATABASE, "user": USER, "password": secrets.token_hex(12),
    }  # fmt: skip
    (home / "var" / "blocked.txt").write_text("".join(f"{number}\n" for number in numbers))
    for name, text in (
        ("mariadb.cnf", _SERVER), ("mariadb.sql", _SQL), ("odbc.ini", _ODBC),
        ("res_odbc.conf", _RES_ODBC), ("func_odbc.conf", _FUNC_ODBC),
    ):  # fmt: skip
        (home / "etc" / name).write_text(text.format(**values))
    _make(root, inside)
    log = home / "log" / "mariadb"
    settings = f"--defaults-file={inside}/etc/mariadb.cnf"
    server = process.start(["chroot", str(root), "/usr/sbin/mariadbd", settings], log)
    try:
        _wait_until_ready(server, log)
        yield server
    finally:
        process.stop(server, patience=10.0)


def version(root: Path) -> str:
    """Server and driver, as Debian names them."""
    asked = ["dpkg-query", "-W", "-f", "${Package} ${Version}, ", "mariadb-server-core"]
    return process.run(["chroot", str(root), *asked, "odbc-mariadb"], 10.0).stdout.strip(" ,")


def _make(root: Path, inside: str) -> None:
    done = process.run(
        ["chroot", str(root), "/usr/bin/mariadb-install-db", "--no-defaults", "--user=root",
         f"--datadir={inside}/mariadb", "--auth-root-authentication-method=normal",
         "--skip-test-db", "--skip-name-resolve"],
        60.0,
    )  # fmt: skip
    if done.returncode != 0:
        raise LabError(f"mariadb-install-db failed: {_last(done.stderr or done.stdout)}")


def _wait_until_ready(server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while "ready for connections" not in log.read_text(errors="replace"):
        if server.poll() is not None or time.monotonic() > until:
            raise LabError(f"MariaDB did not start: {_last(log.read_text(errors='replace'))}")
        time.sleep(0.02)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
