"""Values of `caller` and `called` but for the words, and the country of a caller."""

from __future__ import annotations

import phonenumbers

from ringfence.call import Call
from ringfence.lists import LIST_NAME, Entry, parse_entry
from ringfence.numbering import area_codes, standing
from ringfence.rules.conditions.condition import (
    Compiled,
    Condition,
    Key,
    Lists,
    Which,
    called_of,
    caller_of,
)
from ringfence.rules.conditions.pattern import compile_pattern
from ringfence.rules.conditions.word import WORDS, in_list, word_value

MAX_NUMBER = 64
"""Characters of a number that a pattern is held against; a number has 16."""


def number_value(field: str, text: str) -> Compiled:
    """One value of `caller` or `called`."""
    which = caller_of if field == "caller" else called_of
    if text in WORDS:
        return word_value(field, text, which)
    if text.startswith("@"):
        name = text[1:]
        if not LIST_NAME.fullmatch(name):
            raise ValueError(f"{text!r} is no list: letters, digits, _ . - after the @")
        return Compiled(in_list(which, name, text), Key("list", Entry(name)))
    if text.startswith("~"):
        return Compiled(_found(which, text))
    try:
        entry = parse_entry(text)
    except ValueError:
        raise ValueError(
            f"{text[:80]!r} is not known: write +12025550123, +1900*, "
            f"+12025550100-+12025550199, @list, ~pattern, or one of {', '.join(WORDS)}"
        ) from None
    if entry.prefix:
        return Compiled(_under_prefix(which, entry), Key("prefix", entry))
    if not entry.first:
        return Compiled(_written(which, entry), Key("text", entry))
    return Compiled(_between(which, entry), Key("range", entry))


def country_value(field: str, text: str) -> Compiled:
    """The ISO code of the country that the caller's number belongs to."""
    code = text.upper()
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{text[:80]!r} is no country: an ISO code such as US, CA or GB")
    area_codes()
    return Compiled(lambda call, lists, now: code if standing(call.caller).country == code else "")


def _found(which: Which, text: str) -> Condition:
    if text == "~":
        raise ValueError(r"~ is followed by a pattern, such as ~^\+1(900|976)")
    found = compile_pattern(text[1:], MAX_NUMBER)

    def test(call: Call, lists: Lists, now: float) -> str:
        number = which(call)
        given = number.e164 or number.text
        return f"{text} ({given})" if found(given) else ""

    return test


def _under_prefix(which: Which, entry: Entry) -> Condition:
    start = "+" + entry.prefix
    return lambda call, lists, now: entry.text if which(call).e164.startswith(start) else ""


def _written(which: Which, entry: Entry) -> Condition:
    def test(call: Call, lists: Lists, now: float) -> str:
        number = which(call)
        return entry.text if not number.key and number.text == entry.text else ""

    return test


def _between(which: Which, entry: Entry) -> Condition:
    first, last, text = entry.first, entry.last, entry.text
    return lambda call, lists, now: text if first <= which(call).key <= last else ""
