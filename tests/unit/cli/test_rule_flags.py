"""From flags to rules: what admins write is what the rule says, and what is unclear is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from ringfence.cli.rule_flags import rule_flags, rule_of
from ringfence.rules import Rule, RuleRefused, encode_rule

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rule(*arguments: str, source: str = "") -> Rule:
    found: list[Rule] = []

    @click.command()
    @rule_flags
    def command(**flags: Any) -> None:
        found.append(rule_of("r", source, flags, "alice", NOW))

    CliRunner().invoke(command, list(arguments), standalone_mode=False, catch_exceptions=False)
    return found[0]


def document(*arguments: str) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.json.decode(encode_rule(rule(*arguments)))
    return {name: value for name, value in shown.items() if name not in ("id", "added_at")}


def test_what_a_rule_counts_is_written_as_it_is_shown() -> None:
    made = document("--rate", "10 in 60s per caller", "--spread",
                    "20 called in 5m per caller and trunk", "--action", "block")  # fmt: skip
    assert made["when"] == {
        "rate": {"per": "caller", "over": "60s", "at_least": 10},
        "spread": {"per": ["caller", "trunk"], "over": "5m", "at_least": 20, "of": "called"},
    }


def test_points_thresholds_and_lists_of_callers() -> None:
    made = document("--score-at-least", "60", "--action", "score", "--points", "-50", "--signer",
                    "818H", "--also", "caught:1h", "--also", "seen:7d")  # fmt: skip
    assert made == {
        "action": "score", "points": -50, "added_by": "alice",
        "when": {"score": {"at_least": 60}, "signer": ["818H"]},
        "also": [{"list": "caught", "for": "1h"}, {"list": "seen", "for": "7d"}],
    }  # fmt: skip


def test_what_the_caller_hears_and_where_the_call_goes() -> None:
    every = ("--every-call", "--action")
    heard = document(*every, "intercept", "--prompt", "a", "--prompt", "b", "--language", "es",
                     "--answer", "--repeat", "2", "--then", "divert", "--context", "c",
                     "--extension", "s")  # fmt: skip
    assert heard["respond"] == {
        "prompt": ["a", "b"], "language": "es", "answer": True, "repeat": 2, "then": "divert",
        "context": "c", "extension": "s",
    }  # fmt: skip
    asked = document(*every, "challenge", "--prompt", "a", "--tries", "2", "--remember", "0s")
    assert asked["respond"] == {"prompt": "a", "tries": 2, "remember": "0s"}
    diverted = document(*every, "divert", "--context", "screening")
    assert diverted["respond"] == {"context": "screening"}


def test_priority_0_is_a_priority() -> None:
    assert rule("--every-call", "--action", "block", "--priority", "0").priority == 0


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("--rate", "10/60s per caller", "write '10 in 60s per caller'"),
        ("--rate", "10 in 60 per caller", "write '10 in 60s per caller'"),
        ("--rate", "10 in 60s per moon", "'moon' is not counted: caller, called"),
        ("--rate", " 10 in 60s per caller", "write '10 in"),
        ("--spread", "20 in 60s per caller", "write '20 called in 60s per caller'"),
        ("--spread", "20 names in 60s per caller", "'names' is not counted"),
        ("--rate", "0 in 60s per caller", "counts from 1 on"),
        ("--trunk", "", "--trunk is empty"),
        ("--prompt", "custom/a", "--prompt does nothing with action block: it goes with intercept"),
        ("--points", "5", "--points does nothing with action block"),
        ("--also", "caught", "write LIST:TIME, such as caught:1h"),
        ("--also", ":1h", "write LIST:TIME"),
    ],
)
def test_a_form_that_is_not_clear_is_wrong_use(flag: str, text: str, said: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        rule(flag, text, "--every-call", "--action", "block")
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "10 in 99d per caller", "--action", "block"), "99d"),
        (("--spread", "2 caller in 9s per caller", "--action", "block"), "both caller"),
        (("--every-call", "--action", "score"), "needs points"),
        (("--every-call", "--action", "score", "--points", "0"), "needs points"),
        (("--every-call", "--action", "divert"), "respond.context"),
        (("--every-call", "--action", "block", "--also", "own:1h"), "not for rules to fill"),
        (("--every-call", "--action", "block", "--also", "caught:soon"), "no length of time"),
        (("--every-call", "--action", "challenge", "--tries", "9"), "tries"),
    ],
)
def test_what_is_out_of_bounds_the_core_refuses_by_name(
    arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(RuleRefused, match=said):
        rule(*arguments)
