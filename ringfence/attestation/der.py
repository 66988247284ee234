"""The few pieces of DER (X.690) that STIR's certificate extensions are made of; pure.

Strict and bounded: definite lengths in their shortest form, one-byte tags, nothing left over.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 0x30
INTEGER = 0x02
IA5_STRING = 0x16
UTF8_STRING = 0x0C
MAX_ELEMENTS = 10_000


class DerError(ValueError):
    """These bytes are no DER of the expected form."""


def explicit(number: int) -> int:
    """The tag of ``[number] EXPLICIT``."""
    return 0xA0 | number


def whole(data: bytes, tag: int) -> bytes:
    """The content of the one element that `data` is."""
    found, start, end = _element(data, 0)
    if found != tag or end != len(data):
        raise DerError("not one element of the expected kind")
    return data[start:end]


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of the elements that stand one behind the other."""
    position = 0
    for _ in range(MAX_ELEMENTS):
        if position == len(data):
            return
        tag, start, position = _element(data, position)
        yield tag, data[start:position]
    if position < len(data):
        raise DerError("too many elements")


def text(content: bytes, encoding: str = "ascii") -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise DerError("a text in a foreign encoding") from None


def natural(content: bytes) -> int:
    """An INTEGER that is not below 0 and fits in eight bytes."""
    if not content or content[0] & 0x80 or len(content) > 8 + (content[0] == 0):
        raise DerError("no natural number")
    if len(content) > 1 and content[0] == 0 and not content[1] & 0x80:
        raise DerError("a number with needless zeros")
    return int.from_bytes(content, "big")


def _element(data: bytes, position: int) -> tuple[int, int, int]:
    """The tag of the element at `position`, and where its content starts and ends."""
    if len(data) < position + 2 or data[position] & 0x1F == 0x1F:
        raise DerError("cut short, or a long tag")
    length, start = data[position + 1], position + 2
    if length & 0x80:
        count = length & 0x7F
        # DER has no indefinite length, and three bytes are more than a certificate may have
        if not 1 <= count <= 3 or len(data) < start + count:
            raise DerError("no definite length")
        length = int.from_bytes(data[start : start + count], "big")
        if length < 0x80 or length < 1 << (8 * (count - 1)):
            raise DerError("a length not in its shortest form")
        start += count
    if len(data) < start + length:
        raise DerError("cut short")
    return data[position], start, start + length
