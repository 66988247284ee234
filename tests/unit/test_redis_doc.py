"""What scripts build on is in docs/redis.md by name: a field that is new there is missed here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from ringfence.calllog.record import CallRecord
from ringfence.rules import decode_rule
from ringfence.rules.callees import Callee, decode_callee
from ringfence.rules.compile import compile_rule
from ringfence.rules.model import Rule
from ringfence.rules.respond import Respond
from ringfence.store.keys import Keys
from ringfence.trunk import Trunk, decode_trunk
from ringfence.verdict import Action, Basis

DOC = (Path(__file__).parents[2] / "docs" / "redis.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", DOC))


@pytest.mark.parametrize("kind", [CallRecord, Rule, Trunk, Callee])
def test_every_field_is_in_the_document(kind: type[msgspec.Struct]) -> None:
    names = {field.encode_name for field in msgspec.structs.fields(kind)} - {"respond"}
    assert names <= NAMED


def test_every_word_of_a_rule_is_in_the_document() -> None:
    assert {f"respond.{name}" for name in Respond.__struct_fields__} <= NAMED
    assert {*Action, *Basis} <= NAMED


def test_every_key_is_in_the_document() -> None:
    keys = {key for key in vars(Keys()).values() if not key.endswith(":")}
    assert keys <= NAMED


def test_the_rules_and_trunks_in_the_document_are_in_order() -> None:
    compile_rule(decode_rule("gateway-c", re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)[0]))
    written = re.findall(r"redis-cli HSET ringfence:(rules|trunks|callees) (\S+) '(.*)'", DOC)
    assert len(written) == 3
    for key, name, text in written:
        assert json.loads(text)
        if key == "rules":
            compile_rule(decode_rule(name, text))
        elif key == "callees":
            decode_callee(name, text)
        else:
            decode_trunk(name, text)
