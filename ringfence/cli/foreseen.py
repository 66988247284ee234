"""What Ringfence will do by itself once an import is written: blocks of notices that are due.

Pure: two states of Redis come in, and lines for the admin go out. What a notice calls for at a
moment, `providers.progress` says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from ringfence.cli.difference import Difference
from ringfence.cli.export_sections import HASHES
from ringfence.providers.deadlines import minute
from ringfence.providers.model import Provider
from ringfence.providers.notice import Notice
from ringfence.providers.progress import Known, Move, next_move
from ringfence.providers.register import good, with_providers
from ringfence.redress.model import Dispute
from ringfence.rules.choice import REDRESS_LIST
from ringfence.store.writing.history import version_of
from ringfence.trunk import Trunk

CONCERNED = ("rules", "trunks", "providers", "notices", "disputes")
State = Mapping[str, Mapping[str, bytes]]
"""By section: id to its JSON."""
_PART = re.compile(r"notice-(?P<notice>.+)-(?:trunks|addresses|signers|diverters)", re.ASCII)


class Foreseen(NamedTuple):
    """`blocks`: what stops calls without a rule of the file that says so. `notes`: what an admin
    should know besides."""

    blocks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING = Foreseen()


def after_it(before: State, difference: Difference) -> State:
    """The state once the difference is written."""
    after = {name: dict(texts) for name, texts in before.items()}
    for name, part in difference.hashes.items():
        texts = after.get(name, {})
        for changed in part.changes:
            if changed.write.now is None:
                texts.pop(changed.name, None)
            else:
                texts[changed.name] = changed.write.now
    return after


def foresee(before: State, after: State, released: Collection[str], now: datetime) -> Foreseen:
    """What follows from `after` and did not from `before`. `released`: the numbers of disputes that
    will be let through."""
    old, new = _Register(before, now), _Register(after, now)
    blocks: list[str] = []
    notes: list[str] = []
    for id, notice in new.open.items():
        move, was = new.moves.get(id), old.moves.get(id)
        told = f"notice {id}, due {minute(notice.deadline)}"
        if move and move.op == "enforce" and (not was or was.rules.keys() != move.rules.keys()):
            blocks.append(f"{told}: blocks {notice.provider} at once, by {', '.join(move.rules)}")
        elif move and move.op == "alarm" and not was:
            notes.append(f"{told}: raises the alarm at once")
        elif id in old.closed:
            notes.append(f"{told}: is open again, and then: {notice.at_deadline}")
        if _ends_calls(notice, move) and not _ends_calls(old.open.get(id), was):
            blocks.append(f"{told}: ends calls of {notice.provider} that are in progress")
    notes += _rules_of_closed(old, new)
    notes += _without_rules(old, new)
    notes += _out_of_step(before, after, released)
    return Foreseen(tuple(blocks), tuple(notes))


class _Register:
    """One state, read, and what each open notice calls for in it."""

    def __init__(self, state: State, now: datetime) -> None:
        notices: dict[str, Notice] = good(state["notices"], HASHES["notices"].decode)
        providers: dict[str, Provider] = good(state["providers"], HASHES["providers"].decode)
        trunks: dict[str, Trunk] = good(state["trunks"], HASHES["trunks"].decode)
        self.rules = state["rules"]
        self.open = {id: each for id, each in notices.items() if each.is_open}
        self.closed = {id: each for id, each in notices.items() if not each.is_open}
        theirs = defaultdict[str, list[str]](list)
        for name, trunk in with_providers(trunks, providers).items():
            theirs[trunk.provider].append(name)
        self.moves: dict[str, Move] = {}
        for id, notice in self.open.items():
            of = sorted(theirs[notice.provider]) if notice.provider else []
            known = Known(providers.get(notice.provider), of, self._left(notice))
            if move := next_move(id, notice, now, known):
                self.moves[id] = move

    def _left(self, notice: Notice) -> frozenset[str]:
        written = notice.blocked.rules if notice.blocked else {}
        return frozenset(
            id for id, version in written.items()
            if id not in self.rules or version_of(self.rules[id]) != version
        )  # fmt: skip


def _ends_calls(notice: Notice | None, move: Move | None) -> bool:
    if notice is None or not notice.hang_up or notice.hung_up is not None:
        return False
    return notice.blocked is not None or bool(move and move.op == "enforce")


def _rules_of_closed(old: _Register, new: _Register) -> Iterator[str]:
    """An old file brings back what was lifted since."""
    for rule_id, text in new.rules.items():
        if (of := _PART.fullmatch(rule_id)) and old.rules.get(rule_id) != text:
            notice = new.closed.get(of["notice"])
            if notice or of["notice"] not in new.open:
                is_so = f"is {notice.status}" if notice else "is not there"
                yield f"rule {rule_id}: comes back, and notice {of['notice']} {is_so}"


def _without_rules(old: _Register, new: _Register) -> Iterator[str]:
    for id, notice in new.open.items():
        missing = [name for name in notice.blocked.rules if name not in new.rules
                   ] if notice.blocked else []  # fmt: skip
        if missing and (old.open.get(id) != notice or any(name in old.rules for name in missing)):
            yield f"notice {id}: says that it blocks, and {', '.join(missing)} is not there"


def _out_of_step(before: State, after: State, released: Collection[str]) -> Iterator[str]:
    for id, number in lifted(before, after).items():
        if number not in released:
            yield (
                f"dispute {id}: says that {number} is let through, and it is not on list "
                f"{REDRESS_LIST}"
            )


def lifted(before: State, after: State) -> dict[str, str]:
    """Disputes that come or change and have ended the blocking of a number: id to that. A lift is
    the list as much as the dispute: neither does anything by itself."""
    found = {}
    for id, text in after["disputes"].items():
        if before["disputes"].get(id) != text:
            dispute: Dispute = HASHES["disputes"].decode(id, text)
            if dispute.lifted:
                found[id] = dispute.number
    return found
