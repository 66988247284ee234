"""Holds each call and each record against what was due; starts and changes nothing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.soak.changes import GENERATIONS
from benchmarks.soak.ledger import Ledger, Trouble
from benchmarks.soak.traffic import GOT_THROUGH, Placed

FINAL_WITHIN_MS = 2_000.0
MARGIN = 0.3
"""Seconds around a call in which trouble still excuses it: a killed door's queue, a late event."""
BLOCKED, CANCELLED = 603, 487
THROUGH = (200, GOT_THROUGH)
FREE = frozenset({"free", "flagged", "emergency", "generation"})
STOPPED = frozenset({"listed", "intercepted"})
ACTION = {"free": "allow", "flagged": "flag", "emergency": "allow", "listed": "block",
          "intercepted": "intercept", "generation": "flag"}  # fmt: skip
FREQUENT, FREQUENT_SECONDS = 4, 20
"""From so many calls within so many seconds on a frequent caller is blocked."""


class Judged(NamedTuple):
    """`violations` by what they violate; `unscreened` by what excused them; `seen` by kind."""

    violations: dict[str, list[str]]
    unscreened: Counter[str]
    seen: Counter[tuple[str, int]]


def judge(
    calls: Iterable[Placed], records: Iterable[dict[str, Any]], trouble: Trouble, ledger: Ledger
) -> Judged:
    """All that was not as it should be, a line each."""
    judged = Judged(defaultdict(list), Counter(), Counter())
    logged: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        logged[record.get("sip_call_id", "")].append(record)
    calls = list(calls)
    frequent = _Frequent(calls, trouble)
    for call in calls:
        judged.seen[call.kind, call.status] += 1
        excuse = trouble.excuse(call.door, call.began - MARGIN, call.ended + MARGIN)
        wrong = [_in_time(call, excuse), _verdict(call, excuse, trouble, ledger)]
        if call.kind == "frequent" and call.status in (*THROUGH, BLOCKED):
            wrong.append(frequent.judge(call))
        if call.kind == "generation":
            wrong += [_generations(record) for record in logged[call.call_id]]
        wrong += _records(call, logged[call.call_id], excuse)
        for what in filter(None, wrong):
            judged.violations[what].append(
                f"{call.kind} {call.caller} {call.door} {call.status} {call.setup_ms:.0f} ms "
                f"at {call.began:.2f} {call.call_id}{f' ({excuse})' if excuse else ''}"
            )
        if call.kind in STOPPED and call.status in THROUGH:
            judged.unscreened[excuse or "no trouble"] += 1
    return judged


def _in_time(call: Placed, excuse: str) -> str:
    if call.kind == "intercepted" and excuse and call.status == BLOCKED:
        return ""  # who hangs in the middle of a prompt rejects the call when it wakes
    late = not call.status or call.setup_ms > FINAL_WITHIN_MS
    return "no final response within 2 s" if late else ""


def _verdict(call: Placed, excuse: str, trouble: Trouble, ledger: Ledger) -> str:
    if call.kind == "leaver" or not call.status:
        return ""
    if call.status not in (*THROUGH, BLOCKED):
        return "a SIP response of nobody's making"
    blocked = call.status == BLOCKED
    if call.kind in FREE:
        return "an allowed caller was blocked" if blocked else ""
    if call.kind == "frequent":
        return ""
    if call.kind in STOPPED:
        return "" if blocked or excuse else "a listed caller was let through"
    possible = ledger.possible(call.caller, call.began, call.ended)
    if blocked in possible:
        return ""
    if blocked:
        late = trouble.excuse("step", call.began - MARGIN, call.ended + MARGIN)
        return "" if late else "a caller was blocked that was freed"
    if excuse or trouble.excuse("step", call.began - MARGIN, call.ended + MARGIN):
        return ""
    return "a caller was let through that was blocked by a change"


class _Frequent:
    """Who must have been blocked for calling too often, and who must not."""

    def __init__(self, calls: Iterable[Placed], trouble: Trouble) -> None:
        self._trouble = trouble
        self._times: dict[str, list[float]] = defaultdict(list)
        for call in calls:
            if call.kind == "frequent":
                self._times[call.caller].append(call.began)
        for times in self._times.values():
            times.sort()

    def judge(self, call: Placed) -> str:
        """What is wrong with how this call ended."""
        began = call.began
        for place in (call.door, "agi", "ari", "step"):
            # what one worker counted by itself, or not at all, nobody can tell
            if self._trouble.excuse(place, began - FREQUENT_SECONDS - MARGIN, call.ended):
                return ""
        times, first = self._times[call.caller], began - FREQUENT_SECONDS
        surely = bisect_left(times, began - MARGIN) - bisect_right(times, first + MARGIN) + 1
        perhaps = bisect_right(times, began + MARGIN) - bisect_left(times, first - MARGIN)
        if surely >= FREQUENT and call.status != BLOCKED:
            return "a frequent caller was let through"
        if perhaps < FREQUENT and call.status == BLOCKED:
            return "a caller was blocked who did not call often"
        return ""


def _generations(record: dict[str, Any]) -> str:
    found = [n.get("why") for n in record.get("noted", ()) if n["rule"].startswith("soak-gen-")]
    if len(found) == GENERATIONS and len(set(found)) == 1:
        return ""
    return "a call saw half of an old and half of a new rule set"


def _records(call: Placed, records: list[dict[str, Any]], excuse: str) -> list[str]:
    wrong = []
    if len(records) > 1:
        wrong.append("a call has more than one record")
    if not records and not excuse and call.kind != "leaver":
        wrong.append("a call has no record")
    for record in records:
        applied = record.get("outcome") == "applied"
        stops = record.get("action") in ("block", "intercept")
        if applied and call.kind != "leaver" and stops != (call.status == BLOCKED):
            wrong.append("a record says other than what happened")
        if ACTION.get(call.kind, record.get("action")) != record.get("action"):
            wrong.append("a record has another verdict than was due")
        if not applied and not excuse and call.kind != "leaver":
            wrong.append(f"a calm call's record has the outcome {record.get('outcome')}")
    return wrong
