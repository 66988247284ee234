"""Everything that can be wrong with a PostgreSQL server is one line, without the password."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from ringfence.archive.place import ArchiveAway
from ringfence.archive.postgresql.connecting import Server
from ringfence.archive.postgresql.place import PostgresqlPlace
from ringfence.archive.postgresql.questions import page_of, spans_of
from ringfence.archive.postgresql.reading import ServerReader
from ringfence.archive.postgresql.writing import ServerWriter
from ringfence.calllog.ended import CallEnd
from ringfence.calllog.filter import EVERYTHING, CallFilter
from ringfence.calllog.query import StreamId
from ringfence.calllog.record import CallRecord
from ringfence.settings import SettingsRefused
from ringfence.verdict import Action, Noted
from tests.postgresql.parts import Query, ids
from tests.postgresql.server import PASSWORD, PostgresqlServer
from tests.unit.archive.parts import NOON, entry, record

AT = StreamId(1, 0)


def put(url: str, *records: CallRecord, fence: int = 1, seconds: float = 10.0) -> int:
    writer = ServerWriter(Server(url), seconds=seconds)
    try:
        writer.progress()
        return writer.write([entry(each) for each in records], AT, fence)
    finally:
        writer.close()


def refused(url: str, words: str) -> None:
    """Writing and reading both say so in one line that holds no password."""
    with pytest.raises(ArchiveAway, match=words) as caught:
        put(url, record(1))
    source = PostgresqlPlace(url).source()
    assert list(source.newest(EVERYTHING)) == []
    for said in (str(caught.value), source.away):
        assert words.replace("\\", "") in said
        assert "\n" not in said
        assert PASSWORD not in said
        assert "s3cret" not in said


def test_a_server_that_is_not_there_is_named(server: PostgresqlServer) -> None:
    refused(server.url().replace("?", "?port=1&"), "does not answer")
    refused(f"postgresql://ringfence:{PASSWORD[:6]}@127.0.0.1:1/x", "does not answer")


def test_a_login_that_is_refused_says_so(server: PostgresqlServer) -> None:
    refused(server.url(password="s3cret-but-wrong"), "refuses the login")
    refused(server.url(user="nobody"), "refuses the login")


def test_a_database_that_is_not_there_is_named(server: PostgresqlServer) -> None:
    refused(server.url(database="elsewhere"), "no such database")


def test_a_database_of_a_later_ringfence_is_left_as_it_is(url: str) -> None:
    put(url, record(1))
    with Query(url) as query:
        query("UPDATE ringfence_archive SET version = 2")
    refused(url, "a later Ringfence's \\(version 2")
    with Query(url) as query:
        assert query("SELECT count(*) FROM ringfence_calls") == [(1,)]


def test_a_database_that_cannot_hold_every_name_is_refused(server: PostgresqlServer) -> None:
    with Query(server.url()) as query:
        if not query("SELECT 1 FROM pg_database WHERE datname = 'latin'"):
            query("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    refused(server.url(database="latin"), "ENCODING 'UTF8'")


def test_a_user_that_may_not_make_tables_is_told(server: PostgresqlServer, url: str) -> None:
    with Query(server.url()) as query:
        if not query("SELECT 1 FROM pg_roles WHERE rolname = 'reader'"):
            query(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    schema = url.rpartition("%3D")[2]
    with Query(server.url()) as query:
        query(f"GRANT USAGE ON SCHEMA {schema} TO reader")
    theirs = server.url(user="reader", schema=schema)
    with pytest.raises(ArchiveAway, match="denies that to this user"):
        put(theirs, record(1))
    put(url, record(1))
    # to look into the archive, reading is enough
    with Query(server.url()) as query:
        query(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
    assert ids(PostgresqlPlace(theirs)) == [record(1).id]


@pytest.mark.parametrize(
    "written",
    [
        f"postgresql://u:{PASSWORD}@h/x",
        "postgresql://u:s3cret@s3cret@h/x",
        "postgresql://u:12/s3cret@h/x",
        "postgresql://u:s3cret@[::1/x",
        f"postgresql://u:{PASSWORD}@h:port:9/x?what=1",
        f"mysql://u:{PASSWORD}@h/x",
        f"host=h password={PASSWORD}",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_shown(written: str) -> None:
    with pytest.raises(SettingsRefused) as caught:
        PostgresqlPlace(written)
    assert "s3cret" not in str(caught.value)
    assert "postgresql://USER@HOST/DATABASE" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://u:s3cret@db.example:5433/calls", "postgresql://u@db.example:5433/calls"),
        ("postgres://db/calls?password=s3cret", "postgresql://db/calls"),
        ("postgresql://u:s3cret@a,b:6000/x", "postgresql://u@a:,b:6000/x"),
        ("postgresql:///calls?host=/run/pg&sslpassword=s3cret", "postgresql:///run/pg/calls"),
    ],
)
def test_what_is_shown_of_a_server_has_no_password(written: str, shown: str) -> None:
    assert "s3cret" not in PostgresqlPlace(written).shown
    assert PostgresqlPlace(written).shown.replace("a,", "a:,") == shown


def test_a_server_that_stands_still_keeps_nobody_waiting_for_ever(
    server: PostgresqlServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(url, record(1))
    monkeypatch.setattr("ringfence.archive.postgresql.connecting.GRACE", 0.2)
    writer = ServerWriter(Server(url), seconds=0.3)
    writer.progress()
    reader = ServerReader(Server(url), seconds=0.3)
    reading = reader.newest(EVERYTHING)
    next(reading)
    server.pause(on=True)
    try:
        began = time.monotonic()
        with pytest.raises(ArchiveAway, match=r"takes too long|does not answer"):
            writer.write([entry(record(2))], AT, 1)
        assert list(reading) == []
        assert time.monotonic() - began < 5
    finally:
        server.pause(on=False)
    writer.progress()
    assert writer.write([entry(record(2))], AT, 1) == 1
    writer.close()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(url: str) -> None:
    put(url, record(1))
    with Query(url) as query:
        query("BEGIN")
        query("LOCK TABLE ringfence_archive")
        began = time.monotonic()
        with pytest.raises(ArchiveAway, match="takes too long"):
            put(url, record(2), seconds=0.3)
        assert time.monotonic() - began < 3
        query("ROLLBACK")
    assert put(url, record(2)) == 1


def test_killed_in_the_middle_of_a_batch_it_is_as_before_and_the_batch_comes_again(
    server: PostgresqlServer, url: str
) -> None:
    put(url, record(1))
    writer = ServerWriter(Server(url))
    writer.progress()
    batch = [entry(record(2, at=NOON - timedelta(days=1))), entry(record(3))]
    with Query(url) as query:
        # every row takes its time, so that there is a middle
        query("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
              "$$BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END$$")  # fmt: skip
        query("CREATE TRIGGER slow BEFORE INSERT ON ringfence_calls "
              "FOR EACH ROW EXECUTE FUNCTION slow()")  # fmt: skip
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(writer.write, batch, StreamId(2, 0), 1)
        with Query(url) as query:
            while not query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
                assert not writing.done()
        server.kill()
        with pytest.raises(ArchiveAway, match="does not answer"):
            writing.result(timeout=20)
    server.start()
    assert ids(PostgresqlPlace(url)) == [record(1).id]
    assert writer.progress().position == AT
    assert writer.write(batch, StreamId(2, 0), 1) == 2
    assert len(ids(PostgresqlPlace(url))) == 3
    writer.close()


def test_a_commit_of_which_nobody_heard_doubles_nothing(url: str) -> None:
    # as where the connection is cut between the commit and its answer
    batch = [entry(record(1)), entry(record(2))]
    writer = ServerWriter(Server(url))
    writer.progress()
    assert writer.write(batch, AT, 1) == 2
    assert writer.write(batch, AT, 1) == 0
    writer.close()
    assert len(ids(PostgresqlPlace(url))) == 2
    with Query(url) as query:
        assert query("SELECT calls FROM ringfence_days") == [(2,)]


def test_days_are_partitions_and_old_ones_are_dropped_with_all_that_is_theirs(url: str) -> None:
    call = record(1, noted=(Noted("watch", Action.FLAG, True),))
    put(url, call, record(2, at=NOON - timedelta(days=9)))
    writer = ServerWriter(Server(url))
    writer.progress()
    old = NOON - timedelta(days=8)
    end = int(old.timestamp() * 1000)
    writer.write_ends([CallEnd(f"{old.timestamp():.0f}.1", "PJSIP/a-1", None, end, 16)], 1)
    listed = "SELECT relname FROM pg_class JOIN pg_inherits ON oid = inhrelid WHERE relkind = 'r' "
    here = "AND relnamespace = current_schema()::regnamespace ORDER BY 1"
    with Query(url) as query:
        assert [name for (name,) in query(listed + here)] == [
            "ringfence_also_20261111", "ringfence_also_20261120",
            "ringfence_calls_20261111", "ringfence_calls_20261120", "ringfence_ends_20261112",
        ]  # fmt: skip
        assert writer.remove_before(NOON.date()) == [(NOON - timedelta(days=9)).date()]
        assert [name for (name,) in query(listed + here)] == [
            "ringfence_also_20261120", "ringfence_calls_20261120"
        ]  # fmt: skip
    writer.close()


def test_a_backup_that_takes_long_holds_up_no_new_day(url: str) -> None:
    put(url, record(1))
    with Query(url) as backup:
        backup("BEGIN ISOLATION LEVEL REPEATABLE READ")
        backup("SELECT count(*) FROM ringfence_calls")
        began = time.monotonic()
        assert put(url, record(1, at=NOON + timedelta(days=1))) == 1
        assert time.monotonic() - began < 3
        # an old day goes when it is through
        writer = ServerWriter(Server(url), seconds=0.3)
        with pytest.raises(ArchiveAway, match="takes too long"):
            writer.remove_before(NOON.date() + timedelta(days=1))
        backup("COMMIT")
    assert writer.remove_before(NOON.date() + timedelta(days=1)) == [NOON.date()]
    writer.close()
    assert len(ids(PostgresqlPlace(url))) == 1


def test_a_damaged_record_is_counted_and_the_others_are_answered(url: str) -> None:
    put(url, record(1), record(2), record(3))
    with Query(url) as query:
        query("UPDATE ringfence_calls SET record = 'x' WHERE id = decode(%s, 'hex')", record(2).id)
    source = PostgresqlPlace(url).source()
    assert [each.id for each in source.newest(EVERYTHING)] == [record(3).id, record(1).id]
    assert source.damaged == 1


def test_a_question_goes_through_an_index_whatever_it_asks_for(url: str) -> None:
    # nothing has been counted in these tables yet, and still nothing is gone through as a whole
    more = {"signer": "1234", "rule": "r", "reason": "rule", "action": "block", "provider": "p",
            "callee": "c", "anonymous": True}  # fmt: skip
    calls = [record(n, sip_call_id=f"{n}@x", **more) for n in range(20)]
    put(url, *calls)
    questions = [
        CallFilter(caller="1"), CallFilter(called="1"), CallFilter(rule="1"),
        CallFilter(signer="1"), CallFilter(provider="1"), CallFilter(callee="1"),
        CallFilter(sip_call_id="1"), CallFilter(action="intercept"), CallFilter(trunk="1"),
        CallFilter(caller="anonymous"), CallFilter(id=record(1).id), EVERYTHING,
    ]  # fmt: skip
    (span,) = spans_of([NOON.date()], EVERYTHING)
    with psycopg.connect(url) as connection:
        connection.execute("SET enable_seqscan = off")
        for wanted in questions:
            trunks = [wanted.trunk] if wanted.trunk else None
            query, values = page_of(wanted, trunks, ("caller10", "rule"), span, None, 20)
            plan = connection.execute(sql.SQL("EXPLAIN ") + query, values).fetchall()
            told = "\n".join(line for (line,) in plan)
            assert "Seq Scan" not in told, told
            assert "Index" in told, told


def test_two_that_make_the_tables_at_once_are_no_error(url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = threads.map(lambda n: put(url, record(n)), range(4))
        assert list(done) == [1] * 4
