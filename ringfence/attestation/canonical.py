"""Numbers as tokens compare them: digits with the country code (RFC 8224 section 8.3); pure."""

from __future__ import annotations

import re

MAX_NUMBER = 40
MAX_DIGITS = 32
_DRESS = str.maketrans("", "", " \t-.()/")
_NUMBER = re.compile(rf"\+?([0-9*#]{{1,{MAX_DIGITS}}})", re.ASCII)


def canonical(number: str) -> str:
    """``12155551212`` of ``+1-(215)-555-1212``; "" for what is no number.

    No country code is made up: ``2155551212`` stays as it is, and equals no token that has one.
    """
    if len(number) > MAX_NUMBER:
        return ""
    digits = number.removeprefix("+")
    if len(digits) <= MAX_DIGITS and digits.isascii() and digits.isdecimal():
        return digits  # nearly always
    match = _NUMBER.fullmatch(number.translate(_DRESS))
    return match[1] if match else ""
