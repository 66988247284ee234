"""The form that every condition has; knows no field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ringfence.call import Call
from ringfence.lists import Entry, NumberList
from ringfence.numbers import Number

Lists = Mapping[str, NumberList]
Condition = Callable[[Call, Lists, float], str]
"""Takes a call, the lists and the time in Unix seconds. Answers with the evidence, a short text
that says what matched, or with "" where nothing did."""


class Key(NamedTuple):
    """What a value is found by in the index: a kind and what to look up; see `index`."""

    kind: str
    entry: Entry


class Compiled(NamedTuple):
    """One value, ready to be held against calls; `key` is None where no index finds it."""

    test: Condition
    key: Key | None = None


Which = Callable[[Call], Number]
"""Which number of a call a condition is about."""


def caller_of(call: Call) -> Number:
    """The number that calls."""
    return call.caller


def called_of(call: Call) -> Number:
    """The number that is called."""
    return call.called
