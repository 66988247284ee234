"""What docs/compliance.md and docs/redress.md claim is there: commands, their flags, tests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import click
import pytest

from ringfence.cli.app import COMMANDS, app
from ringfence.redress.model import BlockedBy, Dispute, Does, Step

ROOT = Path(__file__).parents[2]
PAGES = ("compliance.md", "redress.md")
TEXTS = {page: (ROOT / "docs" / page).read_text() for page in PAGES}
_COMMAND = re.compile(r"`(ringfence [^`]+)`|^    (ringfence .*)$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[a-z_/]+\.py)(?:::(test_[a-z0-9_]+))?`")


def commands(noun: str) -> Iterator[list[str]]:
    """Commands of one noun, in the words of a shell."""
    for text in TEXTS.values():
        for quoted, line in _COMMAND.findall(text):
            words = shlex.split(" ".join((quoted or line).split()), comments=True)[1:]
            if words[0] == noun:
                yield words


NOUNS = sorted({words[0] for noun in COMMANDS for words in commands(noun)})


def test_the_pages_name_commands_and_tests() -> None:
    assert {"dispute", "report", "notice", "feed", "provider"} <= set(NOUNS)
    assert len(_TEST.findall(TEXTS["compliance.md"])) > 30
    named = {line.split()[1] for line in re.findall(r"ringfence [a-z]+", TEXTS["compliance.md"])}
    assert named & set(COMMANDS) == named & set(NOUNS)


@pytest.mark.parametrize("noun", NOUNS)
def test_each_command_and_flag_in_the_pages_is_there(noun: str) -> None:
    ctx = click.Context(app)
    top = app.get_command(ctx, noun)
    assert top is not None
    for words in commands(noun):
        command, rest = top, words[1:]
        if isinstance(command, click.Group) and rest:
            found = command.get_command(ctx, rest[0])
            assert found is not None, words
            command, rest = found, rest[1:]
        flags = {flag for parameter in command.params for flag in parameter.opts}
        assert {word for word in rest if word.startswith("-")} <= flags, words


@pytest.mark.parametrize("page", PAGES)
def test_each_test_in_the_pages_is_there(page: str) -> None:
    for path, name in _TEST.findall(TEXTS[page]):
        assert not name or f"def {name}(" in source(path), f"{path}::{name}"


@lru_cache
def source(path: str) -> str:
    """A file of tests."""
    return (ROOT / path).read_text()


def test_every_field_of_a_dispute_is_in_the_page() -> None:
    named = set(re.findall(r"`([^`\n]+)`", TEXTS["redress.md"]))
    for kind in (Dispute, BlockedBy, Step):
        assert set(kind.__struct_fields__) <= named
    assert {*Does, "ringfence:disputes"} <= named
