"""What these tests put into an archive and ask of a server."""

from __future__ import annotations

from typing import Any, Self

import psycopg

from ringfence.archive.place import Place
from ringfence.calllog.filter import EVERYTHING


class Query:
    """One connection past Ringfence, to look and to break things."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one statement."""
        done = self._connection.execute(sql.encode(), values or None)
        return done.fetchall() if done.description else []


def ids(place: Place) -> list[str]:
    """Of all calls, the newest first."""
    source = place.source()
    found = [each.id for each in source.newest(EVERYTHING)]
    assert not source.away
    return found
