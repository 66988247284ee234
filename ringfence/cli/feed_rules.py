"""`ringfence feed rules`: rules that go by what feeds bring, to be looked at and added by hand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import NamedTuple

import click

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.feeds.kinds import KINDS
from ringfence.feeds.phoneblock import LIST

COMPLAINT_POINTS = ((1, 10), (5, 20), (20, 40))
"""They add up: who has 20 complaints is on the lists of 1 and 5, too."""
VOTE_POINTS = 40


class Example(NamedTuple):
    """A rule, by the flags of `ringfence rule add`, and what it does."""

    kind: str
    id: str
    flags: tuple[str, ...]
    says: str

    @property
    def line(self) -> str:
        """The command."""
        return shlex.join(("ringfence", "rule", "add", self.id, *self.flags))


@click.command("rules", cls=Command)
@click.argument("kind", metavar="[KIND]", type=click.Choice(list(KINDS)), default=None,
                required=False)  # fmt: skip
@click.option("--name", metavar="NAME", default="", help="What the feed is called.")
@click.pass_obj
def rules(invocation: Invocation, kind: str | None, name: str) -> None:
    """Print commands that add rules on what a feed brings; run the ones that you want.

    They begin in monitor mode: `ringfence calls` shows what they would have done. Scores do
    something where thresholds are set (`[score]` in the settings, or of a trunk).

    \b
    Example:
      ringfence feed rules ftc
    """
    if name and kind is None:
        raise click.UsageError("--name goes with a KIND")
    found = [each for each in examples(name) if kind in (None, each.kind)]
    if invocation.json:
        print_json([{"kind": each.kind, "id": each.id, "command": each.line, "says": each.says}
                    for each in found])  # fmt: skip
        return
    for each in found:
        click.echo(f"# {each.says}\n{each.line}")
    if not found:
        click.echo(f"rules of kind {kind} are written by `ringfence feed import {kind} FILE "
                   "--block-missing`", err=True)  # fmt: skip


def examples(name: str = "") -> Iterator[Example]:
    """All of them; `name` in the place of the kind's own."""
    watch = ("--mode", "monitor")
    for kind in ("ftc", "fcc"):
        feed = name or kind
        for level, points in COMPLAINT_POINTS:
            yield Example(
                kind, f"complaints-{feed}-{level}",
                ("--caller", f"@complaints-{feed}-{level}", "--caller", "!own", "--action",
                 "score", "--points", str(points), "--basis", "analytics"),
                f"{_complaints(level)} within 90 days: {points} points more",
            )  # fmt: skip
    yield Example(
        "phoneblock", "phoneblock",
        ("--caller", f"@{LIST}", "--caller", "!own", "--action", "score", "--points",
         str(VOTE_POINTS), "--basis", "analytics"),
        "people voted against the caller",
    )  # fmt: skip
    yield Example(
        "npa", "invalid",
        ("--caller", "invalid", "--action", "block", "--basis", "dno-invalid", *watch),
        "numbers that cannot exist: area codes as NANPA has them",
    )  # fmt: skip
    yield Example(
        "nxx", "unallocated",
        ("--caller", "unallocated", "--action", "block", "--basis", "dno-unallocated", *watch),
        "US numbers under a central-office code that nobody was given",
    )  # fmt: skip
    yield Example(
        "dno", "dno",
        ("--caller", "@dno", "--action", "block", "--basis", "dno-subscriber", *watch),
        "numbers whose subscribers never call from them",
    )  # fmt: skip
    feed = name or "list"
    yield Example(
        "list", feed, ("--caller", f"@{feed}", "--action", "score", "--points", "50", *watch),
        "a list of your own choice",
    )  # fmt: skip


def _complaints(level: int) -> str:
    return "a complaint" if level == 1 else f"{level} complaints or more"
