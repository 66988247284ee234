"""A table of calls and the verdicts that are expected of them, read from CSV or JSON.

Owns the format: what a column means and what may stand in it. Knows no rules and no store.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import NamedTuple

from ringfence.attestation import Attestation, Level, Verification
from ringfence.attestation import Reason as AttestationReason
from ringfence.call import CallAttempt
from ringfence.cli.asserted_counts import COUNTS, NOT_COUNTED, Counts, parse_counts
from ringfence.cli.assertion import asserted
from ringfence.cli.list_file import MOST_SHOWN, BadLine
from ringfence.cli.table_rows import Row
from ringfence.rules.model import RULE_ID
from ringfence.verdict import Action, Reason

FACTS = ("caller", "called", "trunk", "source_ip", "caller_name", "presentation", "attestation",
         "verification", "signer", "diverter", "origid", "attestation_reason", "at")  # fmt: skip
EXPECTED = ("action", "rule", "sip", "label", "reason", "callee", "score", "noted")
COLUMNS = (*FACTS, *COUNTS, *EXPECTED, "note")
HEADER = "header:"
"""Begins the name of a column that holds a SIP header, such as ``header:User-Agent``."""
NONE = "-"
"""Expects nothing: no rule, no label. An empty cell expects whatever comes."""
# 1.20256E+10 is what a spreadsheet makes of 12025550123
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.ASCII | re.IGNORECASE)


class Case(NamedTuple):
    """One call of the table. `at` is None where the time of the test counts; `expected` has only
    what is to be checked, "" for nothing; `counts` what counters would answer."""

    line: int
    note: str
    attempt: CallAttempt
    attestation: Attestation | None
    at: float | None
    expected: Mapping[str, str]
    counts: Counts = NOT_COUNTED


class Table(NamedTuple):
    """All calls, and what is not in order; with that there is nothing to test."""

    cases: list[Case]
    bad: int
    shown: list[BadLine]


def read_table(rows: list[Row]) -> Table:
    """The rows as calls, each checked."""
    cases: list[Case] = []
    bad = []
    for row in rows:
        try:
            cases.append(_case(row))
        except ValueError as error:
            bad.append(BadLine(row.line, str(error)))
    return Table(cases, len(bad), bad[:MOST_SHOWN])


def column(name: str) -> str:
    """The column that a heading means. ValueError names the nearest that there is."""
    if name.lower().startswith(HEADER):
        return HEADER + name[len(HEADER) :].strip().lower()
    plain = re.sub(r"[ -]+", "_", name.strip().lower())
    if plain not in COLUMNS:
        near = difflib.get_close_matches(plain, COLUMNS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COLUMNS)}, {HEADER}…"
        raise ValueError(f"no column {name[:80]!r}: {hint}")
    return plain


def _case(row: Row) -> Case:
    given = {name: value for name, value in row.values.items() if value}
    headers = {n.removeprefix(HEADER): v for n, v in given.items() if n.startswith(HEADER)}
    if not headers and not given.keys() & set(FACTS):
        raise ValueError("no call: give a caller, a called number or a trunk")
    expected = {name: _expected(name, given[name]) for name in EXPECTED if name in given}
    if not expected:
        raise ValueError(f"nothing is expected: fill in one of {', '.join(EXPECTED)}")
    for name in ("caller", "called"):
        if _ROUNDED.fullmatch(given.get(name, "")):
            raise ValueError(
                f"{name} {given[name]} was rounded by a spreadsheet: make that column text"
            )
    return Case(
        row.line,
        given.get("note", ""),
        CallAttempt(
            caller=given.get("caller", ""),
            called=given.get("called", ""),
            trunk=given.get("trunk", ""),
            source=_address(given.get("source_ip", "")),
            caller_name=given.get("caller_name", ""),
            presentation=given.get("presentation", ""),
            headers=headers,
        ),
        asserted(
            _one_of("attestation", given, tuple(Level)),
            _one_of("verification", given, tuple(Verification)),
            origin="the table",
            signer=given.get("signer", ""),
            origid=given.get("origid", ""),
            reason=_one_of("attestation_reason", given, tuple(AttestationReason)),
            diverters=tuple(given.get("diverter", "").split()),
        ),
        _moment(given["at"]) if "at" in given else None,
        expected,
        Counts(*(parse_counts(name, given.get(name, "")) for name in COUNTS)),
    )


def _expected(name: str, value: str) -> str:
    if value == NONE:
        return ""
    if name == "action":
        return _one_of(name, {name: value.lower()}, tuple(Action))
    if name == "reason":
        return _one_of(name, {name: value.lower()}, tuple(Reason))
    if name == "sip" and not re.fullmatch(r"[4-6]\d\d", value, re.ASCII):
        raise ValueError(f"sip {value[:80]!r}: write 400 to 699, or {NONE} for none")
    if name == "score":
        if not re.fullmatch(r"-?\d{1,6}", value, re.ASCII):
            raise ValueError(f"score {value[:80]!r}: write points, or {NONE} for none")
        return value if int(value) else ""
    if name in ("rule", "noted"):
        for rule_id in value.split() if name == "noted" else (value,):
            if not RULE_ID.fullmatch(rule_id):
                raise ValueError(f"{name} {value[:80]!r} is no rule's id, nor {NONE} for none")
    return " ".join(sorted(value.split())) if name == "noted" else value


def _one_of(name: str, given: Mapping[str, str], known: tuple[str, ...]) -> str:
    value = given.get(name, "")
    if value and value not in known:
        raise ValueError(f"{name} {value[:80]!r}: write one of {', '.join(known)}")
    return value


def _address(text: str) -> str:
    if text:
        try:
            ip_address(text)
        except ValueError:
            raise ValueError(f"source_ip {text[:80]!r} is no address") from None
    return text


def _moment(text: str) -> float:
    try:
        value = datetime.fromisoformat(text)
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"at {text[:80]!r}: write 2027-01-31T08:00:00-05:00; without a zone it is UTC"
        ) from None
