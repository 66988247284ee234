"""What an import has to change, and what belongs to others: works it out, and does no I/O."""

from __future__ import annotations

from collections.abc import Mapping

from ringfence.store.imports.entry_set import EntrySet
from ringfence.store.imports.list_changes import Ledger
from ringfence.store.imports.list_copy import Wanted
from ringfence.store.imports.source_records import BY_HAND, Import

NOTHING = EntrySet()


class Plan:
    """Who brings what, and what belongs to others."""

    def __init__(
        self, ledger: Ledger, wanted: Wanted, source: str, replace: bool, record: Import | None
    ) -> None:
        self.ledger = ledger
        self.wanted = wanted
        self.replace = replace
        self.record = record
        self.source = source
        self.owner = source or BY_HAND
        self.mine = ledger.brought.get(self.owner, NOTHING)
        self.others = ledger.others(self.owner)
        self.gone = self.mine - wanted.entries - self.others if replace else NOTHING

    def is_careful_with(self, text: str) -> bool:
        """Whether others want it too: a source does not shorten for how long they do."""
        return bool(self.source) and (text in self.others or text not in self.mine)

    def careful(self, met: EntrySet) -> EntrySet:
        """All such entries among those that the list has."""
        return met - (self.mine - self.others) if self.source else NOTHING

    def brought_after(self, met: EntrySet) -> Mapping[str, EntrySet]:
        """What changes of the entries of each source; `met` are those that the list had."""
        entries, after = self.wanted.entries, {}
        if not (self.source or self.ledger.named):
            return {}
        # What is down for an entry that was not there any more is void.
        fresh = entries - met
        for name, brought in self.ledger.brought.items():
            if name != self.owner and len(brought & fresh):
                after[name] = brought - fresh
        after[self.owner] = entries if self.replace else self.mine | entries
        if self.source:
            by_hand = after.get(BY_HAND, self.ledger.brought.get(BY_HAND, NOTHING))
            unclaimed = met - self.mine - self.others
            if len(unclaimed):
                after[BY_HAND] = by_hand | unclaimed
        return after
