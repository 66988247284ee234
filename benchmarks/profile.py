"""Owns where a screened call's time goes, worked out of what a run measured; it measures nothing.

Each row is the difference of two ways that differ in one thing, taken within a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.results import Results
from benchmarks.rounds import Measured
from benchmarks.tables import Row

RATE = 200.0
HEAD = ("of one call", "µs")
_PARTS = (
    ("SIP, the channel and its end: no screening", "none", ""),
    ("FastAGI: `AGI()`, the connection, the head, one command; an empty server", "empty-agi",
     "none"),
    ("FastAGI: the dialplan of ringfence.conf, and the facts it gathers", "agi-dialplan",
     "empty-agi"),
    ("FastAGI: Ringfence reads, decides, answers, records", "agi", "agi-dialplan"),
    ("FastAGI: a rule with rate counts the call", "agi-rate", "agi"),
    ("FastAGI: an Identity header that nobody looks at", "agi-signed", "agi"),
    ("FastAGI: the header is handed over and verified", "agi-verified", "agi-signed"),
    ("FastAGI: of that, the header handed over", "agi-handed", "agi-signed"),
    ("ARI: `Stasis()`, the event, `continue`; an empty application", "empty-ari", "none"),
    ("ARI: ringfence.conf and Ringfence together", "ari", "empty-ari"),
    ("ARI: an Identity header that nobody looks at", "ari-signed", "ari"),
    ("ARI: the header is handed over and verified", "ari-verified", "ari-signed"),
    ("ARI: of that, the header handed over", "ari-handed", "ari-signed"),
)  # fmt: skip
CPU_HEAD = (
    "of one call",
    "Asterisk µs",
    "who it asks µs",
    "Valkey µs",
    "load generator µs",
    "all µs",
)
_KNOWN = ("Asterisk", "Valkey", "load generator")


def rate_of(results: Results) -> float:
    """The rate that is looked at: 200 calls/s, or the lowest measured."""
    rates = {each.rate for each in results.calls}
    return RATE if RATE in rates or not rates else min(rates)


def parts(results: Results) -> list[Row]:
    """Microseconds that each part adds at the median."""
    rate = rate_of(results)
    found = {each.way: each for each in results.calls if each.rate == rate and not each.saturated}
    rows: list[Row] = [
        (title, f"{_adds(found[way], found.get(less)):.0f}")
        for title, way, less in _PARTS
        if way in found and (not less or less in found)
    ]
    cells = [each for each in results.decision if each.rules == results.rules]
    if cells:
        cell = min(cells, key=lambda each: abs(each.listed - results.listed))
        rows.append((
            f"the decision alone, {cell.rules:,} rules and {cell.listed:,} numbers",
            f"{cell.p50:.0f}",
        ))  # fmt: skip
    rows += [(f"in Asterisk: `{each.name}`", f"{each.each_us:.0f}") for each in results.steps]
    return rows


def _adds(way: Measured, less: Measured | None) -> float:
    if less is None:
        return way.p50 * 1e3
    pairs = zip(way.p50_rounds, less.p50_rounds, strict=False)
    return median(a - b for a, b in pairs) * 1e3


def processors(calls: Sequence[Measured], rate: float) -> list[Row]:
    """Processor time of one call, by process."""
    rows: list[Row] = []
    for each in calls:
        if each.rate != rate or not each.cpu_us or each.saturated:
            continue
        known = [each.cpu_us.get(name, 0.0) for name in _KNOWN]
        asked = sum(us for name, us in each.cpu_us.items() if name not in _KNOWN)
        asterisk, valkey, load = known
        row = (asterisk, asked, valkey, load, asterisk + asked + valkey + load)
        rows.append((each.title, *(f"{us:.0f}" for us in row)))
    return rows
