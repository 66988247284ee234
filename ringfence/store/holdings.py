"""All that a mirror holds, and the `World` made of it; knows neither Redis nor files."""

from __future__ import annotations

from itertools import islice
from typing import Any

from structlog.typing import FilteringBoundLogger

from ringfence.call import clean
from ringfence.lists import NumberList
from ringfence.rules import EMPTY_BOOK, RuleBook, decode_rule
from ringfence.rules.compile import CompiledRule, compile_rule
from ringfence.store.mirrored_list import MirroredList
from ringfence.store.shelf import Shelf
from ringfence.store.turns import Turns
from ringfence.trunk import Trunk, decode_trunk
from ringfence.world import World

NAMED_AT_ONCE = 20
"""The log names what changed up to this many, and counts the rest."""
RULES_AT_ONCE = 50
"""A book takes in so many rules in a millisecond or less; a draft of it grows by these steps."""


class Holdings:
    """Last good rules and trunks, the lists, and the world that calls see."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self.rules: Shelf[CompiledRule] = Shelf("rule", _rule, log)
        self.trunks: Shelf[Trunk] = Shelf("trunk", decode_trunk, log)
        self.lists: dict[str, MirroredList] = {}
        self._log = log
        self.unreadable: dict[str, str] = {}
        self.run_id = ""
        self.world = World(EMPTY_BOOK, {}, {})
        self._version = 0

    @property
    def version(self) -> int:
        """Grows with every change of what is in force."""
        return self._version + sum(each.version for each in self.lists.values())

    @property
    def is_empty(self) -> bool:
        """Nothing is held."""
        return not (self.rules.good or self.trunks.good or self.lists)

    def refusals(self) -> dict[str, str]:
        """Everything that was refused, under its field in the hash of refusals."""
        found = {f"trunk:{id}": reason for id, reason in self.trunks.refused.items()}
        found |= {f"list:{n}": str(each.refused) for n, each in self.lists.items() if each.refused}
        return found | self.unreadable | self.rules.refused

    async def publish_rules(self) -> None:
        """Put the rules on the shelf in force, all at once; calls go on while the book is made."""
        changes, turns = self.rules.changes(), Turns()
        book, left = self.world.rules, iter(changes.values())
        while some := list(islice(left, RULES_AT_ONCE)):
            book = book.changed(
                (before for before, _ in some if before), (now for _, now in some if now)
            )
            await turns.give()
        if changes:
            self._publish(book=book)
            self._settle(self.rules, list(changes))

    def publish_trunks(self) -> None:
        """Put the trunks' settings on the shelf in force."""
        if changes := self.trunks.changes():
            self._publish(trunks=dict(self.trunks.good))
            self._settle(self.trunks, list(changes))

    def publish_lists(self) -> None:
        """Put the lists in force as they are now; one changed in place needs no publishing."""
        self._publish(lists={name: each.numbers for name, each in self.lists.items()})

    def drop_list(self, name: str) -> MirroredList | None:
        """A list is gone; returns what it was."""
        gone = self.lists.pop(name, None)
        if gone:
            # Versions of the lists are summed: the sum must not fall.
            self._version += gone.version
            self.publish_lists()
            self._log.info("list in force", changed=[clean(name, 80)], of=0)
        return gone

    def _settle(self, shelf: Shelf[Any], news: list[str]) -> None:
        """Say in the log what is in force now: an admin looks there whether a change has come."""
        shelf.settle()
        named = [clean(id, 80) for id in news[:NAMED_AT_ONCE]]
        more = {"more": len(news) - len(named)} if len(news) > len(named) else {}
        self._log.info(f"{shelf.kind}s in force", changed=named, **more, of=len(shelf.good))

    def _publish(
        self,
        book: RuleBook | None = None,
        trunks: dict[str, Trunk] | None = None,
        lists: dict[str, NumberList] | None = None,
    ) -> None:
        world = self.world
        self.world = World(
            world.rules if book is None else book,
            world.lists if lists is None else lists,
            world.trunks if trunks is None else trunks,
        )
        self._version += 1


def _rule(rule_id: str, text: bytes) -> CompiledRule:
    return compile_rule(decode_rule(rule_id, text))
