"""A provider's calls in progress end when its notice's deadline comes, and no one else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.stage import Stage

pytestmark = pytest.mark.asterisk

CUT, OTHER = "gateway-b", "carrier-a"
TALK = 40.0


@pytest.fixture
def admin(stage: Stage) -> Iterator[Callable[..., Any]]:
    cli = stage.ringfence.cli
    cli("provider", "add", "hang-up-gateway", "--trunk", CUT)
    yield cli
    for door in ("agi", "ari"):
        cli("notice", "lift", f"hang-up-{door}", check=False)
    cli("provider", "remove", "hang-up-gateway", check=False)


@pytest.mark.parametrize("door", ["agi", "ari"])
async def test_calls_in_progress_of_a_provider_end_at_the_deadline_and_no_others(
    stage: Stage, place: Callable[..., Any], number: Callable[[], str],
    admin: Callable[..., Any], door: str,
) -> None:  # fmt: skip
    notice = f"hang-up-{door}"
    cut = asyncio.create_task(place(door=door, trunk=CUT, caller=number(), talk=TALK))
    other = asyncio.create_task(place(door=door, trunk=OTHER, caller=number(), talk=12.0))
    at = datetime.now(UTC) + timedelta(seconds=3)
    await asyncio.to_thread(
        admin, "notice", "add", notice, "--kind", "own", "--provider", "hang-up-gateway",
        "--deadline", at.isoformat(), "--at-deadline", "block-direct", "--hang-up",
    )  # fmt: skip
    began = asyncio.get_running_loop().time()
    ended = await cut
    assert ended.answered
    assert ended.hung_up_by_far_side
    assert asyncio.get_running_loop().time() - began < TALK / 2
    untouched = await other
    assert untouched.answered
    assert not untouched.hung_up_by_far_side
    steps = stage.ringfence.cli_json("notice", "show", notice)["steps"]
    assert steps[-1]["text"] == "1 call in progress ended"
    refused = await place(door=door, trunk=CUT, caller=number())
    assert refused.status == 403
    await asyncio.to_thread(admin, "notice", "lift", notice)
