"""How the answer to a traceback looks: as text, as a table, as a page to print; knows no store."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ringfence.archive.traceback import Answer, Match, Result, Source
from ringfence.cli.calls_export import cell
from ringfence.cli.output import one_line
from ringfence.durations import duration_text
from ringfence.providers.model import Contact

Fact = tuple[str, str]

COLUMNS = ("result", "provider", "name", "role", "contact", "trunk", "address", "id", "time",
           "seconds_apart", "caller", "called", "sip_call_id", "attestation", "verification",
           "signer", "origid", "verdict", "rule", "searched")  # fmt: skip


def facts(answer: Answer) -> Iterator[Fact]:
    """The answer, top down: what it is, the calls, what was looked at."""
    asked = answer.asked
    yield (
        "asked",
        (
            f"{asked.caller} called {asked.called} at {second(asked.at)}, "
            f"give or take {duration_text(int(asked.window.total_seconds()))}"
        ),
    )
    if not answer.matches:
        yield "answer", "call not found"
    for match in answer.matches:
        yield from _match(match)
    yield "searched", searched(answer)
    for record in answer.searched.near:
        caller = record.caller_e164 or record.caller or "anonymous"
        yield "near", f"{record.time} {caller} on {record.trunk or '(no trunk)'}, id {record.id}"


def _match(match: Match) -> Iterator[Fact]:
    source, call = match.source, match.call
    yield "answer", _said(source)
    if source.result is Result.UNLISTED:
        yield "to do", _to_do(source)
    for contact in source.contacts:
        yield "contact", contact_text(contact)
    if source.now:
        yield "note", "the provider is that of the trunk today; at the call none was known"
    yield "came in", _came_in(source)
    yield "call", f"{call.time}, id {call.id}"
    yield "caller", call.caller_e164 or call.caller or "anonymous"
    yield "called", call.called_e164 or call.called
    yield "SIP Call-ID", call.sip_call_id
    yield "from", call.sip_from
    yield "asserted", call.pai
    yield "diversion", call.diversion
    yield "attestation", _attestation(match)
    yield "verdict", call.action + (f", rule {call.rule}" if call.rule else "")
    for header in call.identity:
        yield "identity", header


def _said(source: Source) -> str:
    named = f"{source.name} ({source.provider})" if source.name else source.provider
    if source.result is Result.ORIGIN:
        return f"this hop is the origin: customer {named}"
    if source.result is Result.PROVIDER:
        return f"call received from {named}, {source.role}"
    return f"call received from a provider that is not in the register: {_came_in(source)}"


def _to_do(source: Source) -> str:
    if source.provider:
        return f"ringfence provider add {source.provider}, with its name and contact"
    if source.trunk:
        return f"ringfence provider add ID --trunk {source.trunk}, with its name and contact"
    return "find out whose the address is, and add it to the register"


def _came_in(source: Source) -> str:
    trunk = f"trunk {source.trunk}" if source.trunk else ""
    return ", ".join(filter(None, (trunk, source.address and f"address {source.address}"))) or "?"


def contact_text(contact: Contact) -> str:
    """One line."""
    parts = (contact.name, contact.role, contact.email, contact.telephone, contact.note)
    return ", ".join(filter(None, parts))


def _attestation(match: Match) -> str:
    call = match.call
    parts = [call.attestation, f"verification {call.verification}"]
    if call.signer:
        parts.append(f"signed by {call.signer}")
    if call.origid:
        parts.append(f"origid {call.origid}")
    return ", ".join(parts)


def searched(answer: Answer) -> str:
    """What was looked at, in one line: the explanation where nothing was found."""
    looked = answer.searched
    parts = [
        f"{second(looked.since)} to {second(looked.until)}",
        f"{looked.records} calls in that time, {looked.others} to this number from others",
    ]
    if looked.days:
        parts.append(f"archive of {', '.join(map(str, looked.days))}")
    if looked.missing:
        begins = f" (it begins on {looked.begins})" if looked.begins else ""
        parts.append(f"no archive of {', '.join(map(str, looked.missing))}{begins}")
    parts += [f"the archive of {day} cannot be read: {why}" for day, why in looked.unread.items()]
    return "; ".join([*parts, "and what Redis holds"])


def second(at: datetime) -> str:
    """UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def document(answer: Answer) -> dict[str, Any]:
    """For scripts."""
    built: dict[str, Any] = msgspec.to_builtins(answer, str_keys=True)
    built["asked"]["window"] = answer.asked.window.total_seconds()
    return built


def as_csv(answer: Answer) -> str:
    """A line for each call that fits; where there is none, one that says so."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    said = searched(answer)
    if not answer.matches:
        writer.writerow([answer.result, *[""] * (len(COLUMNS) - 2), said])
    for match in answer.matches:
        source, call = match.source, match.call
        contact = "; ".join(map(contact_text, source.contacts))
        row = [
            source.result, source.provider, source.name, source.role, contact, source.trunk,
            source.address, call.id, call.time, match.apart, call.caller_e164 or call.caller,
            call.called_e164 or call.called, call.sip_call_id, call.attestation,
            call.verification, call.signer, call.origid, call.action, call.rule, said,
        ]  # fmt: skip
        writer.writerow(map(cell, row))
    return out.getvalue()


def as_page(answer: Answer, company: str, made: datetime) -> str:
    """A page for people, in one file, with nothing from elsewhere in it."""
    rows = "\n".join(
        f"<tr{' class=head' if name in ('answer', 'searched') else ''}>"
        f"<th>{html.escape(name)}</th><td>{html.escape(one_line(text))}</td></tr>"
        for name, text in facts(answer)
        if text
    )
    by = f"{html.escape(company)}, " if company else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Traceback</title><style>
body {{ font: 11pt/1.4 sans-serif; margin: 2em auto; max-width: 50em; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .25em .6em .25em 0; }}
td {{ overflow-wrap: anywhere; }}
th {{ width: 8em; font-weight: normal; color: #555; }}
tr.head > * {{ border-top: 1px solid #999; padding-top: .8em; font-weight: bold; }}
</style></head><body>
<h1>Answer to a traceback request</h1>
<table>
{rows}
</table>
<p>{by}{second(made)}. All times are UTC.</p>
</body></html>
"""
