"""What `ringfence feed rules` prints are rules in order."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from ringfence.cli.feed_rules import Example, examples
from ringfence.cli.invocation import Invocation
from ringfence.cli.rule_changes import add
from ringfence.cli.rule_flags import rule_of
from ringfence.feeds.kinds import KINDS
from ringfence.rules import Rule
from ringfence.rules.compile import compile_rule
from ringfence.verdict import Action


def rule(example: Example) -> Rule:
    words = shlex.split(example.line)
    assert words[:3] == ["ringfence", "rule", "add"]
    given: dict[str, Any] = dict(add.make_context("add", words[3:], obj=Invocation()).params)
    rule_id, source = given.pop("rule_id"), given.pop("source")
    return rule_of(rule_id, source, given, "alice", datetime.now(UTC))


@pytest.mark.parametrize("example", list(examples()), ids=lambda each: each.id)
def test_each_is_a_rule_and_harms_nobody_by_itself(example: Example) -> None:
    made = rule(example)
    compile_rule(made)
    assert made.action is Action.SCORE or made.mode == "monitor"


def test_complaints_only_ever_score_and_are_no_ground_for_a_dno_block() -> None:
    for example in examples():
        if example.kind in ("ftc", "fcc", "phoneblock"):
            assert rule(example).action is Action.SCORE
            assert rule(example).basis == "analytics"


def test_there_is_one_for_each_kind_but_the_database_which_blocks_by_itself() -> None:
    assert {example.kind for example in examples()} == KINDS.keys() - {"rmd"}
    named = [example.id for example in examples("mine") if example.kind == "ftc"]
    assert named == ["complaints-mine-1", "complaints-mine-5", "complaints-mine-20"]
