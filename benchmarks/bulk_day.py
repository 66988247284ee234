"""Owns the quick way to a day file of millions of made-up calls: the service's own tables, packing
and terms, the rows put in by the load and the index made in one go, as nobody waits on it.

`write_day` of `benchmarks.archive` is the way of the service, and what writing is measured by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path

from ringfence.archive.day import open_to_write
from ringfence.archive.packing import Packer
from ringfence.archive.terms import terms_of
from ringfence.archive.writing import id_key
from ringfence.calllog.record import CallRecord, encode_record

LOAD = 5_000
_Row = tuple[int, bytes, bytes]
_TermRow = tuple[int, int, int, int]


def bulk_day(path: Path, calls: Iterable[CallRecord]) -> int:
    """Write all calls of one day into a file that is there only when it is whole; how many."""
    building = path.with_name(f"{path.name}.building")
    building.unlink(missing_ok=True)
    with closing(open_to_write(building)) as file:
        file.execute("PRAGMA journal_mode = OFF")
        file.execute("PRAGMA synchronous = OFF")
        file.execute("PRAGMA temp_store = FILE")
        file.execute("PRAGMA cache_size = -200000")
        count = _load(file, calls)
    building.replace(path)
    return count


def _load(file: sqlite3.Connection, calls: Iterable[CallRecord]) -> int:
    packer, source, count = Packer(), iter(calls), 0
    trunks = set[str]()
    file.execute("BEGIN")
    file.execute("CREATE TEMP TABLE loose (field INTEGER, value INTEGER, at INTEGER, call INTEGER)")
    while some := list(islice(source, LOAD)):
        rows: list[_Row] = []
        terms: list[_TermRow] = []
        for call, record in enumerate(some, count + 1):
            at = _milliseconds(record.time)
            rows.append((call, id_key(record.id), packer.pack(encode_record(record))))
            terms += [(*term, at, call) for term in terms_of(record)]
            trunks.add(record.trunk)
        file.executemany("INSERT INTO calls VALUES (?, ?, ?)", rows)
        file.executemany("INSERT INTO loose VALUES (?, ?, ?, ?)", terms)
        count += len(some)
    file.execute("INSERT INTO terms SELECT * FROM loose ORDER BY field, value, at, call")
    file.executemany("INSERT INTO trunks VALUES (?)", [(name,) for name in sorted(trunks)])
    file.execute("UPDATE about SET position = ?", (f"{count}-0",))
    file.execute("COMMIT")
    return count


def _milliseconds(time: str) -> int:
    # 2026-11-20T12:34:56.789Z
    return (
        int(time[11:13]) * 3_600_000 + int(time[14:16]) * 60_000
        + int(time[17:19]) * 1_000 + int(time[20:23])
    )  # fmt: skip
