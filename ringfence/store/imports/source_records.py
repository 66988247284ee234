"""What is kept of each source of a list: its name, and who imported what and when. Does no I/O."""

from __future__ import annotations

import msgspec

from ringfence.call import clean
from ringfence.lists import LIST_NAME
from ringfence.store.writing.scripting import WriteRefused

BY_HAND = "-"
"""In Redis, what was brought without a source; no source can have this name."""
VERSION = ":version"
KEPT_IMPORTS = 10
"""Imports of one source that are remembered; older ones go."""
MAX_SOURCES = 100
"""Sources of one list: each import of it looks at what all of them brought."""
MAX_NOTE = 1_000


class Import(msgspec.Struct, frozen=True, omit_defaults=True):
    """One import: `at` in Unix seconds, `read` its entries, `expires` (0: never) that of its
    entries without one of their own."""

    who: str = ""
    at: int = 0
    file: str = ""
    note: str = ""
    read: int = 0
    replace: bool = False
    expires: float = 0.0


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """A source: its imports, newest first, and how many entries are down as brought by it."""

    imports: tuple[Import, ...] = ()
    held: int = 0

    def after(self, record: Import | None, held: int) -> Source:
        """This source after one import more."""
        imports = (record, *self.imports)[:KEPT_IMPORTS] if record else self.imports
        return Source(imports, held)

    def with_more(self, entries: int) -> Source:
        """This source with so many entries more, or fewer."""
        return Source(self.imports, self.held + entries)


def import_record(
    who: str, at: float, file: str, note: str, read: int, *, replace: bool, expires: float = 0.0
) -> Import:
    """An import, with what somebody typed made harmless and short."""
    return Import(
        clean(who, 64), int(at), clean(file, 200), clean(note, MAX_NOTE), read, replace, expires
    )


def checked_source(name: str) -> str:
    """A source's name. WriteRefused where it is none."""
    if not LIST_NAME.fullmatch(name):
        raise WriteRefused(
            f"source {name[:80]!r}: write 1 to 64 letters, digits, _ . - and start with a letter "
            "or a digit"
        )
    return name


def encode_source(source: Source) -> bytes:
    """As Redis keeps it."""
    return msgspec.json.encode(source)


def decode_source(text: bytes) -> Source:
    """As Redis keeps it; what a hand has spoilt is a source that nothing is known of."""
    try:
        return msgspec.json.decode(text, type=Source)
    except msgspec.DecodeError:
        return Source()
