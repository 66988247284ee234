"""Telephone numbers: from what a trunk writes to E.164; knows nothing of lists or rules.

NANP numbers take a short path of our own (microseconds); everything else is left to
phonenumbers. Sources: ITU-T E.164 (at most 15 digits), NANPA (NXX-NXX-XXXX), RFC 3966 (tel),
RFC 3261 (sip), RFC 3325 (privacy).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

ANONYMOUS_WORDS = frozenset(
    {"", "anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld"}
)
ANONYMOUS_DIGITS = frozenset({"266696687", "2666966871"})
""" "ANONYMOUS" spelt on a keypad, as some switches send a withheld number."""
MAX_TEXT = 256

_VISUAL = str.maketrans("", "", " \t-.()/\u00a0")
_URI = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_ADDRESS = re.compile(r"<([^<>]*)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_DIGITS = re.compile(r"\+?\d+", re.ASCII)
_ENDED = re.compile(r"\+?\d+#", re.ASCII)
"""Some telephones send the # that ends dialling."""
SHORTEST = 7
LONGEST = 15
"""Digits. Fewer are no subscriber in any country, but a short code: 911, 112, 116117."""


class Number(NamedTuple):
    """A number as rules see it.

    `e164` is ``+12025550123``, or empty where the text has not the form of one; a NANP number
    that nobody can have (``+11234567890``) keeps it, as callers do send such and lists name them.
    `key` is its digits as an integer (0 without e164); `text` the canonical text for records:
    the E.164 form, ``anonymous``, or the text as it came (a name, a short code without its +).
    """

    e164: str
    key: int
    text: str
    anonymous: bool = False
    """Withheld: without a number, or with one that the caller asked to keep private."""


ANONYMOUS = Number("", 0, "anonymous", True)


class NumberPlan(NamedTuple):
    """How a trunk writes numbers.

    `country` is the ISO code that national numbers belong to (phonenumbers knows what is dialled
    in front of them there), `international` the prefixes of other numbers, `strip` a technical
    prefix that this trunk puts in front of every called number. Where it cannot be one, because
    fewer than three digits would be left, it is no prefix: ``911`` stays 911 behind a strip of 9.
    """

    country: str = "US"
    international: tuple[str, ...] = ("011", "00")
    strip: str = ""


DEFAULT_PLAN = NumberPlan()


def bare(text: str) -> str:
    """The user part without dress: of ``"A" <sip:+1202;npdi@host>`` it is ``+1202``."""
    text = text[:MAX_TEXT].strip()
    # The name in front is the caller's own text and may hold an address too.
    if match := _ADDRESS.search(_QUOTED.sub("", text) if "<" in text else text):
        text = match.group(1).strip()
    if match := _URI.match(text):
        text = text[match.end() :]
    text = text.partition("@")[0].partition(";")[0]
    return text.strip().strip("\"'").strip()


def normalise(text: str, plan: NumberPlan = DEFAULT_PLAN) -> Number:
    """The number that `text` means on a trunk with this plan.

    National, ``+``, ``00``, ``011``, ``sip:`` and ``tel:`` forms and visual separators are
    understood, and the words and digits that stand for a withheld number. Never raises: what
    is no number comes back with an empty `e164`.
    """
    # Bounded before it is a key of the cache: strangers choose the text.
    return _normalise(text if len(text) <= MAX_TEXT else text[:MAX_TEXT], plan)


@lru_cache(maxsize=65_536)
def _normalise(text: str, plan: NumberPlan) -> Number:
    if _DIGITS.fullmatch(text):
        user = digits = text  # as most trunks write: there is nothing to take off
    else:
        user = bare(text)
        if user.lower() in ANONYMOUS_WORDS:
            return ANONYMOUS
        digits = user.translate(_VISUAL)
        if digits.endswith("#") and _ENDED.fullmatch(digits):
            digits = digits[:-1]
    if plan.strip and digits.startswith(plan.strip) and len(digits) >= len(plan.strip) + 3:
        user = digits = digits[len(plan.strip) :]
    plus = digits.startswith("+")
    digits = digits.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return Number("", 0, user[:64])
    if digits in ANONYMOUS_DIGITS:
        return ANONYMOUS
    if not plus:
        for prefix in plan.international:
            if digits.startswith(prefix) and len(digits) >= len(prefix) + SHORTEST:
                return _international(digits[len(prefix) :])
        return _national(digits, plan)
    return _international(digits)


def _international(digits: str) -> Number:
    if len(digits) < SHORTEST:
        return Number("", 0, digits)
    # E.164: country codes start with 1-9, and there are at most 15 digits
    if len(digits) > LONGEST or digits[0] == "0":
        return Number("", 0, "+" + digits[:32])
    return _number(digits)


def _national(digits: str, plan: NumberPlan) -> Number:
    if plan.country in ("US", "CA"):
        if len(digits) == 11 and digits[0] == "1":
            return _number(digits)
        if len(digits) == 10 and digits[0] != "0":
            return _number("1" + digits)
        return Number("", 0, digits[:32])
    # In some countries 112 could be a subscriber to phonenumbers, and would lose its guard.
    if len(digits) < SHORTEST:
        return Number("", 0, digits)
    try:
        parsed = phonenumbers.parse(digits[:32], plan.country)
    except phonenumbers.NumberParseException:
        return Number("", 0, digits[:32])
    if not phonenumbers.is_possible_number(parsed):
        return Number("", 0, digits[:32])
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:]
    # phonenumbers thinks some possible that E.164 does not allow, or that are no subscriber's
    return _number(e164) if SHORTEST <= len(e164) <= LONGEST else Number("", 0, digits[:32])


def _number(digits: str) -> Number:
    e164 = "+" + digits
    return Number(e164, int(digits), e164)
