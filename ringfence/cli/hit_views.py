"""How the hits of rules look to an admin, and which rules had none; knows no store.

What a rule in monitor mode would have done stands apart everywhere: nobody was blocked by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ringfence.cli.output import moment
from ringfence.rules import Rule
from ringfence.store.counting.hits import Hits

SHOWN = ("hits", "would_hits", "last_hit", "last_would_hit")
"""What `--json` shows beside a rule: `rule set` leaves it out again."""


def hit_cells(hits: Hits) -> tuple[str, str]:
    """How often, and when last: ``12``, ``would 5`` or ``12, would 5``."""
    parts = [str(hits.hits)] if hits.hits or not hits.would_hits else []
    if hits.would_hits:
        parts.append(f"would {hits.would_hits}")
    return ", ".join(parts), moment(hits.last or None) or "never"


def hit_details(hits: Hits) -> list[tuple[str, str]]:
    """Facts of one rule."""
    return [
        ("hits", f"{hits.hits}, last {moment(hits.last_hit)}" if hits.hits else "none"),
        (
            "would have hit",
            f"{hits.would_hits}, last {moment(hits.last_would_hit)} (in monitor mode)"
            if hits.would_hits
            else "",
        ),
    ]


def hit_document(hits: Hits) -> dict[str, object]:
    """For `--json`; a time that never was is null."""
    return {
        "hits": hits.hits,
        "would_hits": hits.would_hits,
        "last_hit": _text(hits.last_hit),
        "last_would_hit": _text(hits.last_would_hit),
    }


def is_unused(rule: Rule, hits: Hits, before: datetime | None) -> bool:
    """Whether a rule met no call since `before`, or never; one added later had no time to."""
    if before is None:
        return not hits.last
    old_enough = rule.added_at is None or rule.added_at <= before
    return old_enough and hits.last < before.timestamp()


def counting_note(since: float | None, before: datetime | None) -> str:
    """What to know about counts that say "none"; "" where there is nothing."""
    if since is None:
        return "nothing was counted yet: hits are counted while `ringfence serve` runs"
    if before is not None and since > before.timestamp():
        return f"hits are counted since {moment(since)} only"
    return ""


def besides(hits: Mapping[str, Hits]) -> str:
    """What decided calls and is no rule: ``(emergency) 3, (score) 12``."""
    return ", ".join(
        f"{name} {hit_cells(each)[0]}" for name, each in sorted(hits.items()) if name[:1] == "("
    )


def _text(at: float) -> str | None:
    if not at:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")[:-6] + "Z"
