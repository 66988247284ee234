"""Compact forms of what a rule counts and whom it lists, as flags take them; knows no other flag.

They are written as `rule list` and `check` show them: ``10 in 60s per caller``, ``20 called in 60s
per caller and trunk``, ``caught:1h``. Whether times and numbers are in bounds, the core says.
"""

from __future__ import annotations

import re
from typing import Any, get_args

import click

from ringfence.rules.velocity import Fact

FACTS = get_args(Fact)
_RATE = re.compile(r"(\d{1,6}) in (\d{1,9}[smhd]) per (\w+(?: and \w+)*)", re.ASCII)
_SPREAD = re.compile(r"(\d{1,6}) (\w+) in (\d{1,9}[smhd]) per (\w+(?: and \w+)*)", re.ASCII)
RATE_FORM, SPREAD_FORM = "'10 in 60s per caller'", "'20 called in 60s per caller'"
ALSO_FORM = "LIST:TIME, such as caught:1h"


def rate_of(text: str) -> dict[str, Any]:
    """``10 in 60s per caller``: the tenth call of a caller within a minute, and those after it."""
    if not (match := _RATE.fullmatch(text)):
        raise _refusal("--rate", text, RATE_FORM)
    at_least, over, per = match.groups()
    _some("--rate", at_least)
    return {"per": _facts("--rate", per), "over": over, "at_least": int(at_least)}


def spread_of(text: str) -> dict[str, Any]:
    """``20 called in 60s per caller``: the twentieth different called number, and those after."""
    if not (match := _SPREAD.fullmatch(text)):
        raise _refusal("--spread", text, SPREAD_FORM)
    at_least, of, over, per = match.groups()
    _some("--spread", at_least)
    return {"of": _facts("--spread", of), "per": _facts("--spread", per), "over": over,
            "at_least": int(at_least)}  # fmt: skip


def also_of(text: str) -> dict[str, str]:
    """``caught:1h``: the caller is on list ``caught`` for an hour from then on."""
    name, colon, span = text.rpartition(":")
    if not (name and colon and span):
        raise _refusal("--also", text, ALSO_FORM)
    return {"list": name, "for": span}


def _facts(option: str, text: str) -> str | list[str]:
    facts = text.split(" and ")
    for fact in facts:
        if fact not in FACTS:
            raise click.UsageError(f"{option}: {fact!r} is not counted: {', '.join(FACTS)}")
    return facts[0] if len(facts) == 1 else facts


def _some(option: str, at_least: str) -> None:
    if not int(at_least):
        raise click.UsageError(f"{option} counts from 1 on; for every call leave {option} out")


def _refusal(option: str, text: str, form: str) -> click.UsageError:
    return click.UsageError(f"{option} {text[:80]!r}: write {form}")
