"""PhoneBlock's list: whole once a month, and what has changed in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import IO

import pytest

from ringfence.feeds import phoneblock
from ringfence.feeds.model import FeedState
from ringfence.feeds.refused import FeedRefused

from .conftest import NOW, Ask, entries

DAY = 86_400
File = Callable[[str | bytes], IO[bytes]]
ONE, TWO, THREE = "+4930901820", "+4930901821", "+4930901822"


def test_numbers_with_enough_votes_are_on_the_list_for_a_time(file: File, ask: Ask) -> None:
    plan = phoneblock.plan(file("phoneblock.json"), ask("phoneblock"))
    found = entries(plan, "phoneblock")
    assert found.keys() == {ONE, TWO}
    assert set(found.values()) == {(NOW // DAY + 90) * DAY}
    assert (plan.rows, plan.left_out, plan.version) == (3, 1, 17)
    few = phoneblock.plan(file("phoneblock.json"), ask("phoneblock", options={"min_votes": 12}))
    assert entries(few, "phoneblock").keys() == {ONE}


def test_an_increment_changes_what_it_names_and_leaves_the_rest(file: File, ask: Ask) -> None:
    whole = phoneblock.plan(file("phoneblock.json"), ask("phoneblock"))
    later = ask("phoneblock", parts=whole.put, increment=True, now=NOW + 5 * DAY)
    plan = phoneblock.plan(file("phoneblock_since.json"), later)
    found = entries(plan, "phoneblock")
    assert found.keys() == {TWO, THREE}
    assert found[THREE] - found[TWO] == 5 * DAY
    assert plan.version == 18
    anew = phoneblock.plan(file("phoneblock_since.json"), ask("phoneblock", parts=whole.put))
    assert entries(anew, "phoneblock").keys() == {THREE}


def test_votes_that_nobody_renews_are_forgotten(file: File, ask: Ask) -> None:
    whole = phoneblock.plan(file("phoneblock.json"), ask("phoneblock"))
    later = ask("phoneblock", parts=whole.put, increment=True, now=NOW + 91 * DAY)
    text = json.dumps({"numbers": [], "version": 19}).encode()
    assert phoneblock.plan(file(text), later).rows == 0


def test_the_whole_list_is_asked_for_once_a_month() -> None:
    assert not phoneblock.wants_increment(FeedState(), NOW)
    fresh = FeedState(version=17, whole_at=NOW - DAY)
    assert phoneblock.wants_increment(fresh, NOW)
    assert not phoneblock.wants_increment(fresh, NOW + 30 * DAY)
    assert not phoneblock.wants_increment(fresh, NOW - 5 * DAY)
    url = "https://example.net/api/blocklist?format=json&since=3"
    assert phoneblock.since(url, 17) == "https://example.net/api/blocklist?format=json&since=17"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"numbers":[{"phone":"1"}],"version":1}',
        b'{"numbers":[],"ver',
        b"7",
        b'{"numbers":[{"phone":"\xff","votes":1}],"version":1}',
    ],
)
def test_anything_else_is_refused(file: File, ask: Ask, text: bytes) -> None:
    with pytest.raises(FeedRefused, match="expected PhoneBlock's list as JSON, found"):
        phoneblock.plan(file(text), ask("phoneblock"))


def test_what_was_spoilt_by_hand_is_told(file: File, ask: Ask) -> None:
    spoilt = ask("phoneblock", parts={"all": b"x"}, increment=True)
    with pytest.raises(FeedRefused, match="cannot be read"):
        phoneblock.plan(file("phoneblock_since.json"), spoilt)
