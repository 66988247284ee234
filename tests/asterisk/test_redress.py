"""A caller who was blocked in error: found by the call's id, let through, and blocked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from demo.stage import Stage

pytestmark = pytest.mark.asterisk

CALLED = "+12025550177"


@pytest.mark.parametrize("door", ["agi", "ari"])
async def test_a_lift_lets_the_next_call_through_and_its_undo_blocks_again(
    stage: Stage,
    place: Callable[..., Any],
    number: Callable[[], str],
    rule: Callable[..., None],
    door: str,
) -> None:
    caller = number()
    cli, cli_json = stage.ringfence.cli, stage.ringfence.cli_json

    async def call() -> tuple[int, dict[str, Any]]:
        done = await place(door=door, caller=caller, called=CALLED, talk=0.0)
        return done.status, stage.ringfence.record(done.call_id)

    with stage.ringfence.in_force(f"guess-{door}"):
        rule(f"guess-{door}", "--caller", caller, "--action", "block", "--basis", "analytics")
    status, blocked = await call()
    assert (status, blocked["door"]) == (603, door)

    dispute = cli_json("dispute", "add", "--id", blocked["id"], "--by", "Ann Lee")
    assert dispute["number"] == caller
    with stage.ringfence.in_force("redress"):
        cli("dispute", "lift", blocked["id"])
    lifted = cli_json("dispute", "show", blocked["id"])
    assert [each["rule"] for each in lifted["blocked_by"]] == [f"guess-{door}"]
    status, released = await call()
    assert (status, released["reason"]) == (200, "redress")

    with stage.ringfence.in_force("redress"):
        cli("dispute", "undo", dispute["dispute"])
    assert (await call())[0] == 603

    report = cli_json("report", "blocked", "--called", CALLED, "--basis", "analytics")
    mine = [each for each in report["calls"] if each["caller"] == caller]
    assert [(each["means"], each["rule"], each["sip"]) for each in mine] == [
        ("blocked", f"guess-{door}", 603)
    ] * 2
