"""How disputes look to an admin: as rows, as details, as JSON; knows no store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import msgspec

from ringfence.cli.output import moment
from ringfence.redress.blocking import beyond_redress
from ringfence.redress.clock import is_overdue, left_text
from ringfence.redress.model import BlockedBy, Dispute
from ringfence.redress.register import Found
from ringfence.store.writing.history import version_of

COLUMNS = ("dispute", "number", "received", "answer", "state", "by", "blocked by", "call")


def state(dispute: Dispute, now: datetime) -> str:
    """One word, and whether the number is let through."""
    word = "OVERDUE" if is_overdue(dispute, now) else dispute.status
    return f"{word}, lifted" if dispute.lifted is not None else word


def row(found: Found, now: datetime) -> tuple[str, ...]:
    """One line of `ringfence dispute list`."""
    dispute = found.dispute
    return (
        found.id,
        dispute.number,
        moment(dispute.received),
        left_text(dispute, now),
        state(dispute, now),
        dispute.party,
        " ".join(each.rule for each in dispute.blocked_by),
        dispute.call,
    )


def details(found: Found, now: datetime) -> list[tuple[str, str]]:
    """All of one dispute, and what can be done."""
    id, dispute, _ = found
    return [
        ("dispute", id),
        ("number", dispute.number),
        ("state", state(dispute, now)),
        ("received", moment(dispute.received)),
        ("answer due", f"{moment(dispute.deadline)}, {left_text(dispute, now)}"),
        ("by", dispute.party),
        ("contact", dispute.contact),
        ("text", dispute.text),
        ("call", dispute.call),
        *(("blocked by", blocked_text(each)) for each in dispute.blocked_by),
        *_steps(dispute),
        ("added by", dispute.added_by or "(not known: written by hand)"),
        ("version", version_of(found.text)),
        *_todo(id, dispute),
    ]


def document(found: Found, now: datetime) -> dict[str, Any]:
    """The dispute for scripts."""
    return {
        "dispute": found.id,
        "state": state(found.dispute, now),
        "overdue": is_overdue(found.dispute, now),
        **msgspec.to_builtins(msgspec.structs.asdict(found.dispute)),
        "version": version_of(found.text),
    }


def blocked_text(each: BlockedBy) -> str:
    """``rule premium, 12 calls, the last 2026-11-21T…Z, basis policy``."""
    name = each.rule if each.rule.startswith("(") else f"rule {each.rule}"
    calls = "1 call" if each.calls == 1 else f"{each.calls} calls"
    last = f", the last {each.last}" if each.last else ""
    return f"{name}: {calls}{last}" + (f", basis {each.basis}" if each.basis else "")


def warnings(blocked_by: Collection[BlockedBy]) -> Iterator[str]:
    """What a lift does not change."""
    for each in beyond_redress(blocked_by):
        name = each.rule if each.rule.startswith("(") else f"rule {each.rule}"
        yield (
            f"{name} blocks on the basis {each.basis}, which no dispute lifts: it goes on until "
            "that rule or choice is changed"
        )


def _steps(dispute: Dispute) -> Iterator[tuple[str, str]]:
    for step in dispute.steps:
        text = f": {step.text}" if step.text else ""
        yield str(step.does), f"{moment(step.at)}, {step.who}{text}"


def _todo(id: str, dispute: Dispute) -> Iterator[tuple[str, str]]:
    if dispute.awaits_answer:
        yield "answer", f"ringfence dispute told {id} --text 'what you told them'"
    if dispute.lifted is None:
        yield "let through", f"ringfence dispute lift {id}"
    else:
        yield "undo", f"ringfence dispute undo {id}"
    if dispute.status == "open":
        yield "close", f"ringfence dispute close {id}"
    yield "history", f"ringfence dispute history {id}"
