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

HISTORY_BYTES = 32_000_000
"""What the history keeps, in bytes of what was changed: some 40,000 changes of usual rules, and
never more than that where a script rewrites rules of 60 kB each minute. Older ones go."""
HISTORY_MAXLEN = 100_000
"""Changes kept, about: a bound that holds even where somebody writes into the stream by hand."""

STAGING_SECONDS = 3_600
"""What an import that was killed has staged goes away by itself; no honest one takes an hour."""

HITS_WRITTEN_SECONDS = 86_400
"""How long a worker's batch of hits can be told from a new one after the last that it wrote; a
worker that has ended leaves its number behind for as long."""


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
        self.callees = f"{prefix}callees"
        self.providers = f"{prefix}providers"
        self.notices = f"{prefix}notices"
        # Disputes of callers who were blocked. No TTL: they are the proof that each was answered.
        self.disputes = f"{prefix}disputes"
        self.rejected = f"{prefix}rejected"
        self.changes = f"{prefix}changes"
        # Who changed what, before and after. Bounded by HISTORY_BYTES, and no TTL: a rule that
        # nobody touched for a year still says who made it.
        self.history = f"{prefix}history"
        # Call records are bounded by the call log, which trims what is archived; no TTL, because
        # a record that vanishes by itself is one that a traceback misses.
        self.calls = f"{prefix}calls"
        # Writer -> last sequence number in `calls`: how a record that was sent twice is told.
        self.calls_written = f"{prefix}calls_written"
        # How calls ended, until the archive has it; bounded by who writes it. No TTL: what waits
        # there while nobody archives is needed as long as the record is.
        self.ended = f"{prefix}ended"
        # Which worker archives call records, and how far it is.
        self.archive = f"{prefix}archive"
        # Rule id -> how often it was hit. No TTL: those of removed rules go after a month.
        self.hits = f"{prefix}hits"
        # How each feed is set up, and what came of it. No TTL, as the lists that feeds fill have
        # none.
        self.feeds = f"{prefix}feeds"
        self.feeds_state = f"{prefix}feeds_state"
        # Which worker refreshes feeds; goes by itself when that one does.
        self.feed_turn = f"{prefix}feed_turn"
        # The Robocall Mitigation Database, as it was imported last.
        self.rmd = f"{prefix}rmd"
        self.list_prefix = f"{prefix}list:"
        # One key a counter, each with a TTL as long as its window. No mirror hears of them: none
        # of what mirrors track begins like this.
        self.count_prefix = f"{prefix}count:"

    def __repr__(self) -> str:
        return f"Keys({self.prefix!r})"

    def of_kind(self, kind: str) -> str:
        """The hash of all of one kind: rule, trunk, callee, provider, notice, dispute or feed."""
        hashes = {
            "rule": self.rules,
            "trunk": self.trunks,
            "callee": self.callees,
            "provider": self.providers,
            "notice": self.notices,
            "dispute": self.disputes,
            "feed": self.feeds,
        }
        return hashes[kind]

    def list(self, name: str) -> str:
        """The key of a number list. ValueError where `name` is no list name."""
        if not LIST_NAME.fullmatch(name):
            raise ValueError(
                f"list name {name[:80]!r}: write 1 to 64 letters, digits, _ . - and start with a "
                "letter or a digit"
            )
        return self.list_prefix + name

    def hits_written(self, worker: str) -> str:
        """The number of the last batch of hits that a worker has written."""
        return f"{self.prefix}hits_written:{worker}"

    def ranges(self, name: str) -> str:
        """Which entries of a number list are ranges; a key that may go at any time."""
        return f"{self.prefix}ranges:{self.list(name).removeprefix(self.list_prefix)}"

    def sources(self, name: str) -> str:
        """Who imported what into a number list. Outside `list_prefix`, as mirrors do not need it.

        No TTL, as the list has none; it goes with the list where Ringfence removes that.
        """
        return f"{self.prefix}sources:{self.list(name).removeprefix(self.list_prefix)}"

    def brought(self, name: str, source: str) -> str:
        """The entries of a number list that one source brought; goes when the source does."""
        return f"{self.prefix}brought:{self.list(name).removeprefix(self.list_prefix)}:{source}"

    def feed_parts(self, name: str) -> str:
        """What a feed keeps of the files before: complaints by day, votes by number."""
        return f"{self.prefix}feed_parts:{self.list(name).removeprefix(self.list_prefix)}"

    def staging(self, token: str) -> str:
        """Where an import gathers a list before it takes the place of the old one.

        Outside `list_prefix`, or mirrors would read it as a list.
        """
        return f"{self.prefix}staging:{token}"
