"""How providers look to an admin: a line in a table, all of one at a glance; knows no store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ringfence.cli.notice_views import state
from ringfence.cli.output import moment
from ringfence.providers.deadlines import minute, span_text
from ringfence.providers.model import Contact, Document, Provider, decode_provider
from ringfence.providers.notice import Notice
from ringfence.providers.register import Disputed
from ringfence.providers.traffic import Tally
from ringfence.store.writing.history import version_of

COLUMNS = ("provider", "name", "role", "status", "trunks", "signers", "notices", "remarks")
MOST_SHOWN = 3


class Glance(NamedTuple):
    """What there is about a provider besides its own entry.

    `disputed` are trunks that it lists and that are another's all the same; `tally` are
    the calls of the last day that came from it, `signed` those that came through others.
    """

    trunks: Sequence[str]
    disputed: Mapping[str, Disputed]
    notices: Mapping[str, Notice]
    rules: Sequence[str]
    tally: Tally
    signed: Tally
    rmd: str


def row(id: str, text: bytes, notices: Mapping[str, Notice]) -> tuple[str, ...]:
    """One line of `ringfence provider list`."""
    try:
        provider = decode_provider(id, text)
    except ValueError as error:
        return (id, "", "", "REFUSED", "", "", "", str(error))
    against = [name for name, notice in notices.items() if notice.provider == id and notice.is_open]
    return (
        id,
        provider.name,
        provider.role,
        _status(provider, [notices[name] for name in against]),
        _few(provider.trunks),
        _few(provider.signers),
        _few(against),
        provider.remarks,
    )


def details(id: str, text: bytes, glance: Glance, now: datetime) -> list[tuple[str, str]]:
    """All of one provider."""
    undo = [
        ("version", version_of(text)),
        ("history", f"ringfence provider history {id}"),
        ("undo", f"ringfence provider undo {id}"),
        ("remove", f"ringfence provider remove {id}"),
    ]
    try:
        provider = decode_provider(id, text)
    except ValueError as error:
        return [("provider", id), ("state", "REFUSED"), ("because", str(error)), *undo]
    return [
        ("provider", id),
        ("name", provider.name),
        ("also known as", ", ".join(provider.aliases)),
        ("role", provider.role),
        ("status", _status(provider, list(glance.notices.values()))),
        *(("open notice", _notice(*each, now)) for each in _next_first(glance.notices)),
        ("trunks", " ".join(glance.trunks)),
        *(("trunk of another", f"{name}: {of.why}") for name, of in glance.disputed.items()),
        ("addresses", " ".join(provider.addresses)),
        ("signers", " ".join(provider.signers)),
        ("rules", " ".join(glance.rules) or "(no rule names it)"),
        ("last day", _day(glance.tally, "direct calls")),
        ("through others", _day(glance.signed, "calls with its signature")),
        ("FRN", provider.frn),
        ("RMD", f"{provider.rmd or '(no number)'}, standing {glance.rmd}"),
        *(("contact", _contact(each)) for each in provider.contacts),
        *(("document", _document(each)) for each in provider.documents),
        ("remarks", provider.remarks),
        ("added by", provider.added_by or "(not known: written by hand)"),
        ("since", moment(provider.added_at) or "(not known: written by hand)"),
        *undo,
    ]


def document(id: str, text: bytes, glance: Glance | None = None) -> dict[str, Any]:
    """The provider for scripts."""
    found: dict[str, Any] = {"provider": id, "version": version_of(text)}
    try:
        provider = decode_provider(id, text)
    except ValueError as error:
        return {**found, "refused": str(error)}
    found |= {name: msgspec.to_builtins(value) for name, value in _fields(provider)}
    if glance is not None:
        found |= {
            "all_trunks": list(glance.trunks),
            "disputed_trunks": {name: of.whose for name, of in glance.disputed.items()},
            "open_notices": list(glance.notices),
            "rules": list(glance.rules),
            "last_day": {"direct": _numbers(glance.tally), "signed": _numbers(glance.signed)},
            "rmd_standing": glance.rmd,
        }
    return found


def _fields(provider: Provider) -> Iterator[tuple[str, Any]]:
    return ((name, getattr(provider, name)) for name in provider.__struct_fields__)


def _status(provider: Provider, notices: Sequence[Notice]) -> str:
    blocked = [notice.blocked for notice in notices if notice.is_open and notice.blocked]
    if blocked:
        return f"{provider.status}, BLOCKED since {minute(min(each.at for each in blocked))}"
    return provider.status


def _next_first(notices: Mapping[str, Notice]) -> list[tuple[str, Notice]]:
    return sorted(notices.items(), key=lambda item: (item[1].deadline, item[0]))


def _notice(id: str, notice: Notice, now: datetime) -> str:
    at, left = minute(notice.deadline), span_text(notice.deadline - now)
    if now < notice.deadline and not notice.blocked:
        return f"{id}: {notice.kind}, due {at} (in {left}), then {notice.at_deadline}"
    past = f"was due {at} ({left} ago)" if now >= notice.deadline else f"due {at}"
    return f"{id}: {notice.kind}, {state(notice, now)}, {past}: ringfence notice show {id}"


def _day(tally: Tally, what: str) -> str:
    if not tally.attempts:
        return f"no {what}"
    return f"{tally.attempts} {what}, {tally.blocked} blocked; attestation {tally.mix}"


def _numbers(tally: Tally) -> dict[str, Any]:
    return {
        "attempts": tally.attempts, "blocked": tally.blocked, "attestation": dict(tally.levels),
    }  # fmt: skip


def _contact(each: Contact) -> str:
    role = f" ({each.role})" if each.role else ""
    return ", ".join(filter(None, (each.name + role, each.email, each.telephone, each.note)))


def _document(each: Document) -> str:
    return ", ".join(filter(None, (each.title, each.date, each.where, each.note)))


def _few(values: Sequence[str]) -> str:
    more = f" … ({len(values)})" if len(values) > MOST_SHOWN else ""
    return " ".join(values[:MOST_SHOWN]) + more
