"""How reports look: tables for terminals and files, documents for scripts; knows no store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from ringfence.cli.report_output import Report, Whole
from ringfence.reports.blocked import BlockedReport, local_time
from ringfence.reports.kept_away import MEANS
from ringfence.reports.plot import HAD_A_PART, LET_THROUGH, WOULD_HAVE, Bar
from ringfence.reports.rules import NOBODY, Deeds, RulesReport
from ringfence.reports.table import Table
from ringfence.reports.traffic import (
    LEVELS,
    OF_ENDS,
    VERIFICATIONS,
    By,
    Traffic,
    TrafficReport,
)

Document = dict[str, Any]

_BLOCKED = ("time", "caller", "what", "basis", "rule", "sip", "trunk", "id")
_COUNTS = ("attempts", "through", "kept away", "callers", "called", "anonymous", "invalid",
           "complaints")  # fmt: skip
_ENDS = ("answered", "average", "short")
_PLAIN = (*_COUNTS, "end known", "answered", "seconds on average", "short",
          *(f"attestation {level}" for level in LEVELS),
          *(f"verification {word}" for word in VERIFICATIONS))  # fmt: skip
_RULES = ("rule", "basis", *MEANS, LET_THROUGH, HAD_A_PART, WOULD_HAVE, "last")


def blocked_page(report: BlockedReport, zone: tzinfo, whole: Whole) -> Report:
    """The blocked calls of one number; how many by basis first."""
    counts = [(name, str(count)) for name, count in report.by_basis.most_common()]
    facts = [
        ("called number", report.called),
        ("from", whole.text),
        ("calls in all", str(report.attempts)),
        ("did not get through", str(report.count)),
        *((f"{means}", str(count)) for means, count in report.by_means.most_common()),
    ]
    rows = [
        (local_time(call, zone), call.caller, call.means, call.basis, call.rule,
         str(call.sip or ""), call.trunk, call.id)
        for call in report.calls
    ]  # fmt: skip
    notes = []
    if report.went_on:
        notes.append(
            f"{report.went_on} calls were to be kept away and went on: the verdict did not reach "
            "Asterisk in time"
        )
    if report.count > len(report.calls):
        notes.append(f"the newest {len(report.calls)} of {report.count} are listed")
    tables = [Table("The calls", _BLOCKED, rows), Table("By basis", ("basis", "calls"), counts)]
    nothing = f"none of {report.attempts} calls to {report.called} was kept away"
    return Report(f"Blocked calls to {report.called}", facts, tables, nothing, tuple(notes))


def blocked_document(report: BlockedReport, whole: Whole) -> Document:
    """The same for scripts; times in UTC."""
    return {
        **_span(whole),
        "called": report.called,
        "attempts": report.attempts,
        "kept_away": report.count,
        "went_on_all_the_same": report.went_on,
        "by_basis": dict(report.by_basis),
        "by_means": dict(report.by_means),
        "calls": report.calls,
    }


def traffic_page(report: TrafficReport, by: By, whole: Whole) -> Report:
    """Trunks or providers, the busiest first."""
    # columns without anything in them would only take the room
    ends = _ENDS if report.ended else ()
    rows = [
        (name, *_counts(each, _share), *(_ends(each) if ends else ()), _mix(each.attestation),
         _mix(each.verification))
        for name, each in report.ordered
    ]  # fmt: skip
    plain = [
        (name, *_counts(each, _count), *_plain_ends(each),
         *(str(each.attestation[level]) for level in LEVELS),
         *(str(each.verification[word]) for word in VERIFICATIONS))
        for name, each in report.ordered
    ]  # fmt: skip
    bars = [
        Bar(name, _parts(each.means, each.attempts - each.kept_away))
        for name, each in report.ordered
    ]
    return Report(
        title=f"Calls by {by}, {whole.text}",
        facts=[("from", whole.text), ("calls in all", str(report.attempts))],
        tables=[Table("", (by, *_COUNTS, *ends, "attestation", "verification"), rows)],
        nothing=f"no calls from {whole.text}",
        notes=_of_ends(report),
        bars=bars,
        plain=Table("", (by, *_PLAIN), plain),
    )


def traffic_document(report: TrafficReport, by: By, whole: Whole) -> Document:
    """The same for scripts."""
    groups = [{by: name, **each.document()} for name, each in report.ordered]
    return {
        **_span(whole),
        "attempts": report.attempts,
        "not_recorded": [] if report.ended else list(OF_ENDS),
        "let_through": report.let_through,
        "end_known": report.ended,
        "short_seconds": report.short,
        f"{by}s": groups,
    }


def rules_page(report: RulesReport, whole: Whole) -> Report:
    """Rules, the busiest first."""
    rows = [(name, *_rule_row(deeds)) for name, deeds in report.ordered]
    bars = [
        Bar(name, {**_parts(deeds.means, deeds.went_on), HAD_A_PART: deeds.had_part,
                   WOULD_HAVE: deeds.would})
        for name, deeds in report.ordered
        if name != NOBODY  # beside it no other bar would be seen
    ]  # fmt: skip
    return Report(
        title=f"What rules did, {whole.text}",
        facts=[("from", whole.text), ("calls in all", str(report.attempts))],
        tables=[Table("", _RULES, rows)],
        nothing=f"no calls from {whole.text}",
        bars=bars,
    )


def rules_document(report: RulesReport, whole: Whole) -> Document:
    """The same for scripts."""
    rules = [{"rule": name, **deeds.document()} for name, deeds in report.ordered]
    return {**_span(whole), "attempts": report.attempts, "rules": rules}


def _span(whole: Whole) -> Document:
    return {
        "since": whole.since.isoformat(timespec="seconds"),
        "until": whole.until.isoformat(timespec="seconds"),
        "notes": list(whole.notes),
    }


def _counts(each: Traffic, shown: Callable[[int, int], str]) -> tuple[str, ...]:
    total = each.attempts
    return (
        str(total),
        shown(total - each.kept_away, total),
        shown(each.kept_away, total),
        each.callers.text,
        each.called.text,
        shown(each.anonymous, total),
        shown(each.invalid, total),
        shown(each.complaints, total),
    )


def _of_ends(report: TrafficReport) -> tuple[str, ...]:
    """What the columns about ends are of, or why they are not there."""
    through = report.let_through
    if not through:
        return ()
    if not report.ended:
        return (
            f"not known, and so not here: {', '.join(OF_ENDS)}. How calls end is heard through the "
            "manager interface (ami.host), and is in the archive",
        )
    return (
        f"answered, average, short (of the answered, those of {report.short:g} s at most) are of "
        f"the {report.ended} of {through} calls let through whose end is known",
    )


def _ends(each: Traffic) -> tuple[str, ...]:
    if not each.ended:
        return "", "", ""
    average = "" if each.average is None else f"{each.average:.0f} s"
    short = _share(each.short, each.answered) if each.answered else ""
    return _share(each.answered, each.ended), average, short


def _plain_ends(each: Traffic) -> tuple[str, ...]:
    average = "" if each.average is None else f"{each.average:.1f}"
    known = str(each.answered) if each.ended else "", average
    return str(each.ended), *known, str(each.short) if each.answered else ""


def _mix(counts: Counter[str]) -> str:
    """``A 60 %, none 40 %``."""
    total = counts.total()
    return ", ".join(f"{name} {_percent(count, total)}" for name, count in counts.most_common())


def _rule_row(deeds: Deeds) -> tuple[str, ...]:
    counts = (*(deeds.means[means] for means in MEANS), deeds.went_on, deeds.had_part, deeds.would)
    return (deeds.basis, *(str(count or "") for count in counts), deeds.last)


def _parts(means: Mapping[str, int], went_on: int) -> dict[str, int]:
    return {LET_THROUGH: went_on, **{each: means.get(each, 0) for each in MEANS}}


def _share(part: int, total: int) -> str:
    if not part:
        return "0"
    return f"{part} ({_percent(part, total)})"


def _percent(part: int, total: int) -> str:
    percent = 100 * part / total
    return f"{percent:.0f} %" if percent >= 0.5 else "<1 %"


def _count(part: int, total: int) -> str:
    return str(part)
