"""The archive's tables in a database, and their partitions, one for each day; knows no record.

A partition a day, as dropping one is done in a moment, where deleting two million rows leaves a
table as large as it was. Days are those of UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from ringfence.archive.place import ArchiveAway
from ringfence.archive.postgresql.connecting import Connection

VERSION = 1
CALLS, ALSO, ENDS = "ringfence_calls", "ringfence_also", "ringfence_ends"
_PARTITIONED = (CALLS, ALSO, ENDS)
_LOCK = 0x52464341
"""Of those who make the tables, one after the other."""
_NAME = re.compile(r"[a-z_]+_(\d{4})(\d\d)(\d\d)", re.ASCII)

# `ringfence_archive` has one row. `fence` is the number of the lease that the last writer held: an
# older one is refused. `position` is the last entry of the stream that is here.
# A column is NULL where a call has nothing there that anybody asks for, and then is in no index.
# `ringfence_also` has what does not fit into one column: a second number of the same caller, and
# rules that only noted the call.
_SCHEMA: LiteralString = f"""
CREATE TABLE ringfence_archive (
  version integer NOT NULL, fence bigint NOT NULL, position text NOT NULL);
CREATE TABLE ringfence_dictionaries (
  number smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dictionary bytea NOT NULL UNIQUE);
CREATE TABLE ringfence_days (
  day date PRIMARY KEY, calls bigint NOT NULL, trunks text[] NOT NULL);
CREATE TABLE {CALLS} (
  at timestamptz NOT NULL, id bytea NOT NULL, packed_by smallint NOT NULL,
  anonymous boolean NOT NULL, action text NOT NULL, caller10 text, called10 text, trunk text,
  provider text, rule text, sip_call_id text, signer text, callee text, record bytea NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX ON {CALLS} (at);
CREATE INDEX ON {CALLS} (at) WHERE anonymous;
CREATE INDEX ON {CALLS} (action, at) WHERE action <> 'allow';
CREATE INDEX ON {CALLS} (caller10, at) WHERE caller10 IS NOT NULL;
CREATE INDEX ON {CALLS} (called10, at) WHERE called10 IS NOT NULL;
CREATE INDEX ON {CALLS} (trunk, at) WHERE trunk IS NOT NULL;
CREATE INDEX ON {CALLS} (provider, at) WHERE provider IS NOT NULL;
CREATE INDEX ON {CALLS} (rule, at) WHERE rule IS NOT NULL;
CREATE INDEX ON {CALLS} (sip_call_id, at) WHERE sip_call_id IS NOT NULL;
CREATE INDEX ON {CALLS} (signer, at) WHERE signer IS NOT NULL;
CREATE INDEX ON {CALLS} (callee, at) WHERE callee IS NOT NULL;
CREATE TABLE {ALSO} (
  field text NOT NULL, value text NOT NULL, at timestamptz NOT NULL, id bytea NOT NULL,
  PRIMARY KEY (field, value, at, id)
) PARTITION BY RANGE (at);
CREATE TABLE {ENDS} (
  day date NOT NULL, key bigint NOT NULL, answered bigint, ended bigint NOT NULL,
  cause integer NOT NULL, PRIMARY KEY (day, key)
) PARTITION BY RANGE (day);
"""


def are_there(connection: Connection, shown: str) -> bool:
    """Whether there are tables, of a version that we know: ArchiveAway where it is a later one."""
    try:
        row = connection.execute("SELECT version FROM ringfence_archive").fetchone()
    except psycopg.errors.UndefinedTable:
        return False
    if row is None or row[0] != VERSION:
        raise ArchiveAway(
            f"the database at {shown} is a later Ringfence's (version {row and row[0]} of its "
            "tables): use that Ringfence, or another database"
        )
    return True


def make_tables(connection: Connection, shown: str) -> None:
    """Make them where there are none."""
    if are_there(connection, shown):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        there = connection.execute("SELECT to_regclass('ringfence_archive')").fetchone()
        if there == (None,):
            connection.execute(_SCHEMA)
            connection.execute("INSERT INTO ringfence_archive VALUES (%s, 0, '')", (VERSION,))
    are_there(connection, shown)


def partition_of(table: str, day: date) -> str:
    """The name of a day's partition."""
    return f"{table}_{day:%Y%m%d}" if day.year > 999 else f"{table}_{day.year:04}{day:%m%d}"


def make_day(connection: Connection, table: str, day: date) -> None:
    """A day's partition, where there is none; inside the writer's transaction, which is alone."""
    name = partition_of(table, day)
    if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
        return
    # Made first and attached then, which waits for nobody who reads: a backup may take hours.
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE {})").format(sql.Identifier(name), sql.Identifier(table))
    )
    connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier(table), sql.Identifier(name),
            sql.Literal(_first(table, day)), sql.Literal(_first(table, day, after=True)),
        )
    )  # fmt: skip
    if table == CALLS:
        # of a partition, as one over all would need the time in it too
        connection.execute(
            sql.SQL("CREATE UNIQUE INDEX ON {} (id)").format(sql.Identifier(name))
        )  # fmt: skip


def drop_before(connection: Connection, day: date) -> list[date]:
    """Days before this one go; which of them had calls, the newest first."""
    found = connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
        "WHERE inhparent = ANY(ARRAY[to_regclass(%s), to_regclass(%s), to_regclass(%s)]::oid[])",
        _PARTITIONED,
    ).fetchall()
    old: dict[date, list[str]] = {}
    for (name,) in found:
        match = _NAME.fullmatch(name)
        if match and (of := date(*map(int, match.groups()))) < day:
            old.setdefault(of, []).append(name)
    gone = []
    for of in sorted(old, reverse=True):
        # one day at a time: a year's tables are more than a server locks at once
        with connection.transaction():
            for name in sorted(old[of]):
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
            done = connection.execute("DELETE FROM ringfence_days WHERE day = %s", (of,))
        if done.rowcount:
            gone.append(of)
    return gone


def _first(table: str, day: date, *, after: bool = False) -> str:
    if after and day == date.max:
        return "10000-01-01" if table == ENDS else "10000-01-01 00:00:00+00"
    day = day + timedelta(days=1) if after else day
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return day.isoformat() if table == ENDS else moment.isoformat(" ")
