"""Files in the formats of the feeds, and what a reader is asked with."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from ringfence.feeds.area_codes import HEADER
from ringfence.feeds.model import Options
from ringfence.feeds.plan import Asked, Plan

FILES = Path(__file__).parents[2] / "data" / "feeds"
NOW = datetime(2026, 3, 6, 12, tzinfo=UTC).timestamp()
Ask = Callable[..., Asked]
Codes = Callable[..., IO[bytes]]


@pytest.fixture
def ask() -> Ask:
    def make(name: str = "feed", place: str = "file", **given: Any) -> Asked:
        options = Options(**given.pop("options", {}))
        return Asked(name, place, given.pop("now", NOW), options, **given)

    return make


@pytest.fixture
def file() -> Callable[[str | bytes], IO[bytes]]:
    """A file of tests/data by its name; bytes as they are."""

    def make(what: str | bytes) -> IO[bytes]:
        return io.BytesIO(what if isinstance(what, bytes) else (FILES / what).read_bytes())

    return make


@pytest.fixture
def report() -> Codes:
    """NANPA's report: all codes, of which `assigned` are in service and `planned` are to be."""

    def make(
        assigned: tuple[str, ...] = ("202", "800"),
        planned: tuple[str, ...] = (),
        aside: tuple[str, ...] = (),
        *,
        dated: str = "01/05/2026",
    ) -> IO[bytes]:
        lines = [f"File Date,{dated}", ",".join(HEADER)]
        for code in map(str, range(200, 1000)):
            row = dict.fromkeys(HEADER, "")
            row |= {"NPA_ID": code, "ASSIGNED": "No", "IN_SERVICE": "N", "USE": "N"}
            if code in assigned:
                row |= {"ASSIGNED": "Yes", "IN_SERVICE": "Y", "OVERLAY_COMPLEX": '"202/771 "'}
            if code in planned:
                row |= {"ASSIGNED": "Yes", "USE": "G"}
            if code in aside:
                row |= {"ASSIGNED": "Yes"}
            lines.append(",".join(row.values()))
        return io.BytesIO("\r\n".join(lines).encode() + b"\r\n")

    return make


def entries(plan: Plan, name: str) -> dict[str, float]:
    """The entries of a list that a plan has, with their expiries."""
    return dict(plan.lists[name].dated())
