"""All that a mirror holds, and the `World` made of it; knows neither Redis nor files."""

from __future__ import annotations

from itertools import islice
from typing import Any, TypeVar

from structlog.typing import FilteringBoundLogger

from ringfence.call import clean
from ringfence.providers.model import decode_provider
from ringfence.providers.register import with_providers
from ringfence.rules import RuleBook, decode_rule
from ringfence.rules.callee_book import CalleeBook
from ringfence.rules.callees import read_callee
from ringfence.rules.compile import CompiledRule, compile_rule
from ringfence.store.mirror.mirrored_list import MirroredList
from ringfence.store.mirror.shelf import Shelf
from ringfence.store.turns import Turns
from ringfence.trunk import decode_trunk
from ringfence.world import EMPTY_WORLD

B = TypeVar("B", RuleBook, CalleeBook)

NAMED_AT_ONCE = 20
"""The log names what changed up to this many, and counts the rest."""
RULES, TRUNKS, CALLEES, PROVIDERS = "rules", "trunks", "callees", "providers"
HASHES = (RULES, TRUNKS, CALLEES, PROVIDERS)
"""What is kept in hashes of JSON, by the names that the world has for them. Of the providers it has
what they mean for calls alone: which trunk is whose."""
AT_ONCE = {RULES: 50, CALLEES: 250}
"""A book takes in so many in a few milliseconds at most; a draft of it grows by these steps."""


class Holdings:
    """The last good version of all in hashes, the lists, and the world that calls see."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self.shelves: dict[str, Shelf[Any]] = {
            RULES: Shelf("rule", _rule, log),
            TRUNKS: Shelf("trunk", decode_trunk, log),
            CALLEES: Shelf("callee", read_callee, log),
            PROVIDERS: Shelf("provider", decode_provider, log),
        }
        self.lists: dict[str, MirroredList] = {}
        self._log = log
        self.unreadable: dict[str, str] = {}
        self.run_id = ""
        self.world = EMPTY_WORLD
        self._version = 0

    @property
    def version(self) -> int:
        """Grows with every change of what is in force."""
        return self._version + sum(each.version for each in self.lists.values())

    @property
    def is_empty(self) -> bool:
        """Nothing is held."""
        return not (self.lists or any(shelf.good for shelf in self.shelves.values()))

    def refusals(self) -> dict[str, str]:
        """Everything that was refused, under its field in the hash of refusals."""
        found = {f"list:{n}": str(each.refused) for n, each in self.lists.items() if each.refused}
        for shelf in self.shelves.values():
            start = "" if shelf.kind == "rule" else f"{shelf.kind}:"
            found |= {start + id: reason for id, reason in shelf.refused.items()}
        return found | self.unreadable

    async def publish(self, name: str) -> None:
        """Put what is on a shelf in force, all at once; calls go on while it is made ready."""
        shelf = self.shelves[name]
        if not (news := shelf.news):
            return
        value: Any
        if name in (TRUNKS, PROVIDERS):
            value = with_providers(self.shelves[TRUNKS].good, self.shelves[PROVIDERS].good)
            self._publish(trunks=value)
        else:
            value = await _revised(getattr(self.world, name), shelf, AT_ONCE[name])
            self._publish(**{name: value})
        named = [clean(id, 80) for id in islice(news, NAMED_AT_ONCE)]
        more = {"more": len(news) - len(named)} if len(news) > len(named) else {}
        shelf.settle()
        # An admin looks here whether a change has come.
        self._log.info(f"{name} in force", changed=named, **more, of=len(shelf.good))

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

    def _publish(self, **parts: Any) -> None:
        self.world = self.world._replace(**parts)
        self._version += 1


async def _revised(book: B, shelf: Shelf[Any], at_once: int) -> B:
    left, turns = iter(shelf.news.items()), Turns()
    while some := list(islice(left, at_once)):
        gone = [before for _, before in some if before is not None]
        book = book.changed(gone, [shelf.good[id] for id, _ in some if id in shelf.good])
        await turns.give()
    return book


def _rule(rule_id: str, text: bytes) -> CompiledRule:
    return compile_rule(decode_rule(rule_id, text))
