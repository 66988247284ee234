"""The name of every key in Redis and how large it may grow; knows nothing of what is in them."""

from __future__ import annotations

import re

from ringfence.lists import LIST_NAME

_PREFIX = re.compile(r"[A-Za-z0-9{][A-Za-z0-9_.:{}-]{0,62}:", re.ASCII)

CHANGES_MAXLEN = 2_000
"""Announcements kept, about. An import of a million numbers makes 1,000 of them of 13 kB each, so
this bounds the stream to some 25 MB; a mirror that falls further behind notices and reads anew."""

CHANGE_ENTRIES = 1_000
"""List entries in one announcement: a mirror applies it in under a millisecond or two, so that
no call waits behind an import."""

STAGING_SECONDS = 3_600
"""What an import that was killed has staged goes away by itself; no honest one takes an hour."""


class Keys:
    """Builds key names under one prefix, so that several systems share a server."""

    def __init__(self, prefix: str = "ringfence:") -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(
                f"Redis prefix {prefix[:80]!r}: write letters, digits, _ . - or : and end with a "
                "colon, such as ringfence:"
            )
        self.prefix = prefix
        self.rules = f"{prefix}rules"
        self.trunks = f"{prefix}trunks"
        self.providers = f"{prefix}providers"
        self.notices = f"{prefix}notices"
        self.rejected = f"{prefix}rejected"
        self.changes = f"{prefix}changes"
        # Call records are bounded by the call log, which trims what is archived; no TTL, because
        # a record that vanishes by itself is one that a traceback misses.
        self.calls = f"{prefix}calls"
        # Writer -> last sequence number in `calls`: how a record that was sent twice is told.
        self.calls_written = f"{prefix}calls_written"
        self.list_prefix = f"{prefix}list:"

    def __repr__(self) -> str:
        return f"Keys({self.prefix!r})"

    def list(self, name: str) -> str:
        """The key of a number list. ValueError where `name` is no list name."""
        if not LIST_NAME.fullmatch(name):
            raise ValueError(
                f"list name {name[:80]!r}: write 1 to 64 letters, digits, _ . - and start with a "
                "letter or a digit"
            )
        return self.list_prefix + name

    def staging(self, token: str) -> str:
        """Where an import gathers a list before it takes the place of the old one.

        Outside `list_prefix`, or mirrors would read it as a list.
        """
        return f"{self.prefix}staging:{token}"
