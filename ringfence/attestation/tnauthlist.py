"""What a certificate may sign for (TNAuthList, RFC 8226 section 9); knows no certificates.

SHAKEN lists one service provider code, which speaks for all of that provider's numbers; delegate
certificates (RFC 9060) list numbers.
"""

from __future__ import annotations

import re

import msgspec
from cryptography.x509 import ObjectIdentifier

from ringfence.attestation.der import (
    IA5_STRING,
    INTEGER,
    SEQUENCE,
    DerError,
    elements,
    explicit,
    natural,
    text,
    whole,
)

OID = ObjectIdentifier("1.3.6.1.5.5.7.1.26")
MAX_ENTRIES = 1_000
_SPC, _RANGE, _ONE = explicit(0), explicit(1), explicit(2)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_NUMBER = re.compile(r"[0-9#*]{1,15}", re.ASCII)


class Range(msgspec.Struct, frozen=True):
    """`count` numbers from `start` on, all as long as `start`."""

    start: str
    count: int

    def covers(self, number: str) -> bool:
        if self.count == 1 or not self.start.isdigit():
            return number == self.start
        if len(number) != len(self.start) or not number.isdigit():
            return False
        return 0 <= int(number) - int(self.start) < self.count

    def within(self, other: Range) -> bool:
        if self.count == 1 or not self.start.isdigit():
            return other.covers(self.start)
        last = str(int(self.start) + self.count - 1).zfill(len(self.start))
        return other.covers(self.start) and other.covers(last)


class TNAuthList(msgspec.Struct, frozen=True):
    spcs: tuple[str, ...] = ()
    numbers: tuple[Range, ...] = ()

    def covers(self, number: str) -> bool:
        """Whether a token for this number may be signed. Which numbers belong to a service
        provider code, only the numbering administrator knows: there every number may."""
        return bool(self.spcs) or any(listed.covers(number) for listed in self.numbers)

    def encompasses(self, other: TNAuthList) -> bool:
        """RFC 9060 section 4.1, as far as it can be told: nobody hands on what is not theirs."""
        if self.spcs:
            return True
        return not other.spcs and all(
            any(part.within(listed) for listed in self.numbers) for part in other.numbers
        )


def parse_tnauthlist(data: bytes) -> TNAuthList:
    """The value of the extension; raises DerError."""
    spcs: list[str] = []
    numbers: list[Range] = []
    for count, (tag, content) in enumerate(elements(whole(data, SEQUENCE)), 1):
        if count > MAX_ENTRIES:
            raise DerError("too many entries")
        if tag == _SPC:
            spcs.append(_matching(whole(content, IA5_STRING), _CODE))
        elif tag == _ONE:
            numbers.append(Range(_matching(whole(content, IA5_STRING), _NUMBER), 1))
        elif tag == _RANGE:
            numbers.append(_range(whole(content, SEQUENCE)))
        else:
            raise DerError("an entry of no known kind")
    if not spcs and not numbers:
        raise DerError("an empty list")
    return TNAuthList(tuple(spcs), tuple(numbers))


def _range(content: bytes) -> Range:
    # the type is extensible: what stands behind the two is for later versions of it
    (start_tag, start), (count_tag, count), *_ = [*elements(content), (0, b""), (0, b"")]
    if start_tag != IA5_STRING or count_tag != INTEGER:
        raise DerError("no range of numbers")
    size = natural(count)
    if size < 2:
        raise DerError("a range of less than two numbers")
    return Range(_matching(start, _NUMBER), size)


def _matching(content: bytes, pattern: re.Pattern[str]) -> str:
    value = text(content)
    if not pattern.fullmatch(value):
        raise DerError("no service provider code, or no number")
    return value
