"""`ringfence trunk`: how a trunk writes numbers, and what it is trusted for."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from ringfence.cli.history import history_command, undo_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import print_details, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import expecting, signed
from ringfence.store.writing.history import version_of
from ringfence.store.writing.writer import Stored
from ringfence.thresholds import NO_THRESHOLDS
from ringfence.trunk import DEFAULT_TRUNK, Trunk, decode_trunk

_NAME = click.argument("name", metavar="NAME")
_POINTS = click.IntRange(0, 100_000)
_THRESHOLDS = ("flag_at", "challenge_at", "block_at")
COLUMNS = ("trunk", "country", "attestation", "fail", "provider", "state", "note")


@click.group("trunk", cls=Group)
def command() -> None:
    """Trunks' settings, by the name of their PJSIP endpoint."""


command.add_command(history_command("trunk", "carrier-a"))
command.add_command(undo_command("trunk", "carrier-a"))


@command.command("set")
@_NAME
@click.option("--country", help="ISO code that national numbers belong to, such as US.")
@click.option("--international", multiple=True, metavar="PREFIX", help="Such as 011; repeatable.")
@click.option("--strip", metavar="DIGITS", help="Put by this trunk in front of called numbers.")
@click.option(
    "--attestation",
    multiple=True,
    type=click.Choice(["ringfence", "asterisk", "headers"]),
    help="Who is believed about STIR/SHAKEN, in this order; repeatable.",
)
@click.option(
    "--verstat-passed",
    type=click.Choice(["A", "B", "C", "none"]),
    help="What a bare TN-Validation-Passed means here.",
)
@click.option(
    "--fail",
    type=click.Choice(["open", "closed", "default"]),
    help="What happens to its calls when screening fails.",
)
@click.option("--flag-at", type=_POINTS, metavar="N", help="From so many points on: flagged.")
@click.option("--challenge-at", type=_POINTS, metavar="N", help="Challenged.")
@click.option(
    "--block-at", type=_POINTS, metavar="N", help="Blocked; 0 in any of the three: never."
)
@click.option("--score-default", is_flag=True, help="The three as in the settings again.")
@click.option("--provider", help="The provider behind it.")
@click.option("--note", help="For the next admin.")
@expecting
@signed
@click.pass_obj
def set_(invocation: Invocation, /, name: str, expect: str, **flags: Any) -> None:
    """Change what is given and leave the rest of the trunk's settings as they are.

    With a threshold of its own a trunk has none of those in the settings.

    \b
    Example:
      ringfence trunk set carrier-a --attestation headers --verstat-passed A --fail closed
    """
    points = {name: flags.pop(name) for name in _THRESHOLDS}
    points = {name: value or None for name, value in points.items() if value is not None}
    as_settings = flags.pop("score_default")
    if as_settings and points:
        raise click.UsageError("--score-default or thresholds of its own, not both")
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    if not given and not points and not as_settings:
        raise click.UsageError("nothing to set: give a setting such as --country US")
    if given.get("fail") == "default":
        given["fail"] = ""

    async def work() -> Stored:
        async with open_store(invocation.settings, invocation.signature) as store:
            old = (await store.reader.trunks()).get(name)
            try:
                trunk = decode_trunk(name, old) if old else DEFAULT_TRUNK
            except ValueError:
                trunk = DEFAULT_TRUNK  # refused as it is: what is set now takes its place
            if points or as_settings:
                own = msgspec.structs.replace(trunk.score or NO_THRESHOLDS, **points)
                given["score"] = None if as_settings else own
            trunk = msgspec.structs.replace(trunk, **given)
            # checked by the writer as what it is in Redis: JSON
            seen = expect or (version_of(old) if old else "")
            return await store.writer.set_trunk(name, msgspec.json.encode(trunk), expect=seen)

    done = run(work())
    if invocation.json:
        print_json({"trunk": name, "result": str(done.result), "version": done.version})
    else:
        click.echo(f"trunk {name} {done.result}, version {done.version}")


@command.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """All trunks with settings of their own.

    \b
    Example:
      ringfence trunk list
    """

    async def work() -> dict[str, bytes]:
        async with open_store(invocation.settings) as store:
            return await store.reader.trunks()

    trunks = run(work())
    if invocation.json:
        print_json([_document(name, text) for name, text in trunks.items()])
    elif not trunks:
        click.echo("no trunk has settings of its own: the defaults hold for all", err=True)
    else:
        print_table(COLUMNS, (_row(*item) for item in trunks.items()))


@command.command("show")
@_NAME
@click.pass_obj
def show(invocation: Invocation, name: str) -> None:
    """A trunk's settings, defaults included.

    \b
    Example:
      ringfence trunk show carrier-a
    """

    async def work() -> bytes:
        async with open_store(invocation.settings) as store:
            text = (await store.reader.trunks()).get(name)
        if text is None:
            raise Refused(f"trunk {name} has no settings of its own: the defaults hold")
        return text

    document = _document(name, run(work()))
    if invocation.json:
        print_json(document)
        return
    print_details([
        *((key, _text(value)) for key, value in document.items()),
        ("history", f"ringfence trunk history {name}"),
        ("undo", f"ringfence trunk undo {name}"),
        ("remove", f"ringfence trunk remove {name}"),
    ])  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {points or 'never'}" for name, points in value.items())
    if isinstance(value, tuple):
        return " ".join(value)
    return "" if value is None else str(value)


@command.command("remove")
@_NAME
@expecting
@signed
@click.pass_obj
def remove(invocation: Invocation, name: str, expect: str) -> None:
    """Remove a trunk's settings: the defaults hold for it from then on.

    \b
    Example:
      ringfence trunk remove carrier-a
    """

    async def work() -> bool:
        async with open_store(invocation.settings, invocation.signature) as store:
            return await store.writer.remove_trunk(name, expect=expect)

    if not run(work()):
        raise Refused(f"trunk {name} has no settings of its own")
    if invocation.json:
        print_json({"trunk": name, "removed": True})
    else:
        click.echo(f"trunk {name} removed: the defaults hold for it")


def _document(name: str, text: bytes) -> dict[str, Any]:
    try:
        trunk = decode_trunk(name, text)
    except ValueError as error:
        return {"trunk": name, "version": version_of(text), "refused": str(error)}
    # `score` is a structure of its own, which JSON would have as its repr
    score = msgspec.structs.asdict(trunk.score) if trunk.score else None
    return {"trunk": name, **msgspec.structs.asdict(trunk), "score": score,
            "version": version_of(text)}  # fmt: skip


def _row(name: str, text: bytes) -> tuple[str, ...]:
    try:
        trunk: Trunk = decode_trunk(name, text)
    except ValueError as error:
        return (name, "", "", "", "", "REFUSED", str(error))
    return (
        name,
        trunk.country,
        " ".join(trunk.attestation),
        trunk.fail or "default",
        trunk.provider,
        "on",
        trunk.note,
    )
