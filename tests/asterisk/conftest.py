"""One lab with Ringfence for all tests here; each test takes its own numbers and rule ids."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from demo.stage import Stage
from lab import CallResult


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Asterisk, Ringfence with both doors, and an embedded Valkey, all real and running."""
    with Stage(
        globals={"RINGFENCE_HEADERS": HEADERS},
        set_var={"customer": {"RINGFENCE_FAIL": "closed"}},
        purpose="tests",
    ) as running:
        running.ringfence.start()
        yield running


HEADERS = "P-Asserted-Identity&X-Twilio-VerStat&P-Attestation-Indicator&X-Plivo-Stir-Verification"

_numbers = itertools.count(1000)


@pytest.fixture
def number() -> Callable[[], str]:
    """A caller that no other test uses: +1 646 555 1000 and up."""
    return lambda: f"+1646555{next(_numbers):04d}"


@pytest.fixture
def place(stage: Stage) -> Callable[..., Any]:
    """Place one call: `await place(door="ari", caller="+1…", called="…")`."""

    async def call(
        *, door: str = "agi", trunk: str = "carrier-a", called: str = "12025550100", **more: Any
    ) -> CallResult:
        headers = [("X-Lab-Door", door), *more.pop("headers", ())]
        async with stage.lab.caller(trunk) as caller:
            return await caller.call(called=called, headers=headers, **more)

    return call


@pytest.fixture
async def rule(stage: Stage) -> AsyncIterator[Callable[..., None]]:
    """Add a rule by the command line and wait until it is in force; removed after the test."""
    added: list[str] = []

    def add(rule_id: str, *arguments: str) -> None:
        stage.ringfence.cli("rule", "add", rule_id, *arguments)
        added.append(rule_id)

    yield add
    for rule_id in added:
        stage.ringfence.cli("rule", "remove", rule_id, check=False)
