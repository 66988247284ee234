"""The words that `caller` and `called` take besides numbers: what each of them means."""

from __future__ import annotations

from collections.abc import Callable

from ringfence.call import Call
from ringfence.lists import Entry
from ringfence.numbering import area, area_codes, standing
from ringfence.rules.conditions.condition import Compiled, Condition, Key, Lists, Which
from ringfence.rules.conditions.numbering_lists import flaw_of, unallocated
from ringfence.rules.emergency import emergency_number

OWN_LIST = "own"
"""Our customers' numbers."""


def word_value(field: str, word: str, which: Which) -> Compiled:
    """The condition of one of `WORDS`."""
    if word == "emergency" and field == "called":
        # It would never match, and an admin would wait in vain for what the rule does.
        raise ValueError(
            "an emergency call is let through before any rule is asked: leave emergency out here"
        )
    if word == "own":
        return Compiled(in_list(which, OWN_LIST, word), Key("list", Entry(OWN_LIST)))
    if word == "anonymous":
        return Compiled(_anonymous(which), Key("anonymous", Entry(word)))
    return Compiled(_MEANINGS[word](which))


def in_list(which: Which, name: str, shown: str) -> Condition:
    """The number is in a list; its entry is the evidence."""

    def test(call: Call, lists: Lists, now: float) -> str:
        numbers = lists.get(name)
        entry = numbers.contains(which(call), now) if numbers is not None else ""
        return f"{shown} ({entry})" if entry else ""

    return test


def _anonymous(which: Which) -> Condition:
    return lambda call, lists, now: "anonymous" if which(call).anonymous else ""


def _invalid(which: Which) -> Condition:
    area_codes()  # made now, not while a call waits

    def test(call: Call, lists: Lists, now: float) -> str:
        flaw = flaw_of(which(call), lists, now)
        return f"invalid ({flaw})" if flaw else ""

    return test


def _unallocated(which: Which) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        code = unallocated(which(call), lists, now)
        return f"unallocated ({code})" if code else ""

    return test


def _neighbour(which: Which) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        near = area(call.caller)
        return f"neighbour ({near})" if near and near == area(call.called) else ""

    return test


def _same(which: Which) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        caller, called = call.caller, call.called
        if caller.key != called.key or not (caller.key or caller.text == called.text):
            return ""
        # two withheld numbers are not for that the same
        return f"same ({caller.text})" if caller.key or not caller.anonymous else ""

    return test


def _tollfree(which: Which) -> Condition:
    area_codes()

    def test(call: Call, lists: Lists, now: float) -> str:
        return "tollfree" if standing(which(call)).tollfree else ""

    return test


def _emergency(which: Which) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        found = emergency_number(which(call), lists, now)
        return f"emergency ({found})" if found else ""

    return test


_MEANINGS: dict[str, Callable[[Which], Condition]] = {
    "invalid": _invalid,
    "unallocated": _unallocated,
    "neighbour": _neighbour,
    "same": _same,
    "tollfree": _tollfree,
    "emergency": _emergency,
}
WORDS = ("anonymous", "own", *_MEANINGS)
