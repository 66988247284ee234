"""A call as rules see it, and rules as admins write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import Call
from ringfence.numbers import normalise
from ringfence.rules import Rule, decode_rule


@pytest.fixture(scope="session")
def call() -> Callable[..., Call]:
    def make(
        caller: str = "2025550100",
        called: str = "3015550199",
        *,
        level: str = "none",
        verification: str = "none",
        **facts: Any,
    ) -> Call:
        return Call(
            caller=normalise(caller),
            called=normalise(called),
            attestation=Attestation(Level(level), Verification(verification)),
            **facts,
        )

    return make


@pytest.fixture(scope="session")
def rule() -> Callable[..., Rule]:
    def make(rule_id: str = "r", action: str = "block", **fields: Any) -> Rule:
        return decode_rule(rule_id, json.dumps({"action": action, **fields}))

    return make
