"""Connects to a PostgreSQL server; owns its time-outs and what failures are called, no table.

Nothing waits without an end: connecting, a statement as the server measures it, and, as a server
that is stopped measures nothing, every wait by our own clock too. No text that comes out of here
holds a password.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, errors, rows

from ringfence.archive.place import ArchiveAway
from ringfence.settings import ARCHIVE_SCHEMES, SettingsRefused

T = TypeVar("T")
CONNECT_SECONDS = 5
READ_SECONDS = 30.0
WRITE_SECONDS = 10.0
"""Of one statement. Shorter than a lease: who waits longer has lost it."""
LOCK_SECONDS = 5
GRACE = 3.0
"""For one wait our own clock gives more: the server's word comes first where it has one."""
OLDEST = 130_000
# A peer that is gone without a word is noticed in half a minute, also between two statements.
_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}  # fmt: skip
_SETTINGS = {
    "lock_timeout": f"{LOCK_SECONDS}s",
    # the row that tells writers apart is not held by one that was stopped for ever
    "idle_in_transaction_session_timeout": "30s",
    "TimeZone": "UTC",
    "jit": "off",
}


class Connection(psycopg.Connection[rows.TupleRow]):
    """One whose waits end by our own clock."""

    patience = READ_SECONDS

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg has it, and never longer than our patience."""
        return super().wait(gen, interval, self.patience if timeout is None else timeout)


class Server:
    """One server and database, as the settings name it."""

    def __init__(self, url: str) -> None:
        try:
            if not url.startswith(ARCHIVE_SCHEMES):
                raise ValueError
            self._parameters = conninfo.conninfo_to_dict(url)
            if not _is_plausible(self._parameters):
                raise ValueError
        except (ValueError, psycopg.Error):
            # what libpq says about it may hold the password
            raise SettingsRefused(
                "calllog.archive is no PostgreSQL URL: write postgresql://USER@HOST/DATABASE, and "
                "what is no letter or digit in a password as %XX"
            ) from None
        self.shown = _shown(self._parameters)

    def connect(self, seconds: float, *, read_only: bool = False) -> Connection:
        """A connection whose statements may take so long; ArchiveAway where there is none."""
        given: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS, "application_name": "ringfence", **_KEEPALIVE,
            **self._parameters,
        }  # fmt: skip
        # a time-out of nought would be none at all
        given["connect_timeout"] = min(max(int(given["connect_timeout"]), 1), 60)
        with self.explained():
            # no prepared statements: a partition is asked once
            connection = Connection.connect(
                **given, autocommit=True, prepare_threshold=None, client_encoding="UTF8"
            )
        try:
            connection.patience = seconds + GRACE
            with self.explained():
                self._set_up(connection, seconds, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: Connection, seconds: float, *, read_only: bool) -> None:
        if connection.info.server_version < OLDEST:
            raise ArchiveAway(f"PostgreSQL at {self.shown} is too old: 13 or later is needed")
        settings = {**_SETTINGS, "statement_timeout": f"{seconds * 1000:.0f}ms"}
        if read_only:
            settings["default_transaction_read_only"] = "on"
        sql = ", ".join(["set_config(%s, %s, false)"] * len(settings))
        values = [each for pair in settings.items() for each in pair]
        row = connection.execute(
            f"SELECT current_setting('server_encoding'), "
            f"current_setting('synchronous_commit'), {sql}",
            values,
        ).fetchone()
        encoding, commits = row[:2] if row else ("", "")
        if encoding != "UTF8":
            raise ArchiveAway(
                f"the database at {self.shown} is in {encoding} and cannot hold every name: "
                "make one with ENCODING 'UTF8' TEMPLATE template0"
            )
        if commits == "off":
            # what is trimmed from Redis has to be on a disk
            connection.execute("SET synchronous_commit = on")

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """What goes wrong inside comes out as ArchiveAway."""
        try:
            yield
        except (psycopg.Error, TimeoutError) as error:
            raise ArchiveAway(self._why(error)) from None

    def _why(self, error: Exception) -> str:
        said = " ".join(str(error).split())[:300]
        where = f"PostgreSQL at {self.shown}"
        match error:
            case errors.InvalidPassword() | errors.InvalidAuthorizationSpecification():
                return f"{where} refuses the login: check user and password in calllog.archive"
            case errors.InvalidCatalogName():
                return f"{where} has no such database: CREATE DATABASE, or mend calllog.archive"
            case errors.InsufficientPrivilege():
                return f"{where} denies that to this user ({said}): grant it"
            case errors.QueryCanceled() | errors.LockNotAvailable() | TimeoutError():
                return f"{where} takes too long ({said}): see whether it is overloaded or locked"
            case errors.DiskFull():
                return f"{where} has no room: make room there"
            case errors.ReadOnlySqlTransaction():
                return f"{where} only reads: let calllog.archive name the primary"
            case psycopg.OperationalError():
                if "wait timeout expired" in said:
                    return f"{where} takes too long: see whether it is overloaded or stands still"
                # before there is a session, all that is told apart by is the text
                if "authentication failed" in said or "no password supplied" in said:
                    return f"{where} refuses the login: check user and password in calllog.archive"
                if "does not exist" in said and "database" in said:
                    return f"{where} has no such database: CREATE DATABASE, or mend calllog.archive"
                return f"{where} does not answer: start it, or mend calllog.archive ({said})"
        return f"{where} refuses: {said}"


def _is_plausible(parameters: dict[str, Any]) -> bool:
    """Whether no part of a password was taken for something else, and would be shown as that."""
    ports = str(parameters.get("port") or "").replace(",", "")
    names = f"{parameters.get('host') or ''}{parameters.get('dbname') or ''}"
    return "@" not in names and (not ports or ports.isdigit())


def _shown(parameters: dict[str, Any]) -> str:
    user = f"{parameters['user']}@" if parameters.get("user") else ""
    hosts = str(parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    ports = str(parameters.get("port") or "").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    where = ",".join(
        f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=True)
    )
    return f"postgresql://{user}{where}/{parameters.get('dbname') or ''}"
