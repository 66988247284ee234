"""What the numbering plan's own lists say of a number, where a feed has brought them.

Owns the form of those lists; knows not where they come from. Without them, or when they have grown
old, the word `invalid` goes by what is installed, and `unallocated` means no number at all.
"""

from __future__ import annotations

from ringfence.numbering import exchange_flaw, standing
from ringfence.numbers import Number
from ringfence.rules.conditions.condition import Lists

AREA_CODES = "nanp-area-codes"
"""A prefix ``+1202*`` for each area code that is assigned, and `COMPLETE` for as long as a code
that is missing is not assigned."""
OFFICE_CODES = "nanp-office-codes"
"""A number ``+1202555`` for each central-office code that is given to somebody, and ``+1202000``
for each area code in which one that is missing is given to nobody."""
NUMBERING_LISTS = (AREA_CODES, OFFICE_CODES)
COMPLETE = Number("+1000000", 1_000_000, "+1000000")


def flaw_of(number: Number, lists: Lists, now: float) -> str:
    """Why a number cannot exist, "" where it can."""
    if not _is_nanp(number):
        return standing(number).flaw
    codes = lists.get(AREA_CODES)
    if codes is None or not codes.contains(COMPLETE, now):
        return standing(number).flaw
    if not codes.contains(number, now):
        return f"no area code {number.e164[2:5]}"
    return exchange_flaw(number)


def unallocated(number: Number, lists: Lists, now: float) -> str:
    """The central-office code that nobody has and that this number is under, ``+1202555``; ""
    where it is allocated, where nobody knows, and outside the area codes that the list covers."""
    if not _is_nanp(number):
        return ""
    codes = lists.get(OFFICE_CODES)
    if codes is None:
        return ""
    area, office = _area_of(number), _office_of(number)
    if not codes.contains(area, now) or codes.contains(office, now):
        return ""
    return office.e164


def entries_asked(number: Number) -> tuple[Number, ...]:
    """All that is looked up in these lists about a number, for who fetches only that."""
    if not _is_nanp(number):
        return ()
    return (COMPLETE, number, _area_of(number), _office_of(number))


def _is_nanp(number: Number) -> bool:
    return len(number.e164) == 12 and number.e164.startswith("+1")


def _area_of(number: Number) -> Number:
    text = number.e164[:5] + "000"
    return Number(text, number.key // 10_000_000 * 1_000, text)


def _office_of(number: Number) -> Number:
    text = number.e164[:8]
    return Number(text, number.key // 10_000, text)
