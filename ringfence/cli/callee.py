"""`ringfence callee`: whom called customers want to hear and whom not, each by their own choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ringfence.cli import callee_views as views
from ringfence.cli.callee_changes import Change, change, changed_side, replaced
from ringfence.cli.history import history_command, undo_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import one_line, print_details, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import expecting, signed
from ringfence.lists import parse_entry
from ringfence.rules.callees import CALLEE_ID, Callee

_ID = click.argument("callee_id", metavar="ID")
_VALUES = click.argument("values", metavar="NUMBER...", nargs=-1, required=True)


@click.group("callee", cls=Group)
def command() -> None:
    """Called customers' own choices, by a number of theirs or any id.

    What a customer allows goes before all rules but those on a duty, what they block before the
    rest of them.
    """


@command.command("set")
@_ID
@click.option("--number", "numbers", multiple=True, metavar="NUMBER",
              help="Number, prefix or range of theirs, unless ID is one; repeatable.")  # fmt: skip
@click.option("--allow", multiple=True, metavar="CALLER",
              help="As a rule's caller: number, prefix, @list, anonymous; repeatable.")  # fmt: skip
@click.option("--block", multiple=True, metavar="CALLER", help="The same, to be blocked.")
@click.option("--analytics", type=click.Choice(["on", "off"]),
              help="off: rules on the basis analytics, and scores, leave them alone.")  # fmt: skip
@click.option("--note", help="For the next admin.")
@expecting
@signed
@click.pass_obj
def set_(invocation: Invocation, /, callee_id: str, expect: str, **flags: Any) -> None:
    """Change what is given and leave the rest as it is.

    What is given takes the place of what was there: `allow` and `block` add to it.

    \b
    Example:
      ringfence callee set +12025550123 --allow @friends --block anonymous --analytics off
    """
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    if not given:
        raise click.UsageError("nothing to set: give a choice such as --block anonymous")
    if "analytics" in given:
        given["analytics"] = given["analytics"] == "on"
    _change(invocation, callee_id, lambda old: replaced(old, given), expect)


@command.command("allow")
@_ID
@_VALUES
@click.option("--remove", is_flag=True, help="Allow them no more.")
@signed
@click.pass_obj
def allow(invocation: Invocation, callee_id: str, values: tuple[str, ...], remove: bool) -> None:
    """Let these callers through to this customer: numbers, prefixes, ranges, @lists, words.

    \b
    Example:
      ringfence callee allow +12025550123 +13035550100 '+1303*'
    """
    _change(invocation, callee_id, lambda old: changed_side(old, "allow", values, remove=remove))


@command.command("block")
@_ID
@_VALUES
@click.option("--remove", is_flag=True, help="Block them no more.")
@signed
@click.pass_obj
def block(invocation: Invocation, callee_id: str, values: tuple[str, ...], remove: bool) -> None:
    """Keep these callers from this customer; they hear that they are not wanted (SIP 607).

    \b
    Example:
      ringfence callee block +12025550123 anonymous '+1900*'
    """
    _change(invocation, callee_id, lambda old: changed_side(old, "block", values, remove=remove))


@command.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """All customers with choices of their own, and which of them claim the same number.

    \b
    Example:
      ringfence callee list
    """

    async def work() -> dict[str, bytes]:
        async with open_store(invocation.settings) as store:
            return await store.reader.callees()

    callees = run(work())
    for note in views.overlaps(callees):
        click.echo(f"note: {one_line(note)}", err=True)
    if invocation.json:
        print_json([views.document(*item) for item in callees.items()])
    elif not callees:
        click.echo("no callee has choices of their own: the rules decide for all", err=True)
    else:
        print_table(views.COLUMNS, (views.row(*item) for item in callees.items()))


@command.command("show")
@_ID
@click.pass_obj
def show(invocation: Invocation, callee_id: str) -> None:
    """One customer's choices, who wrote them and how to undo them.

    \b
    Example:
      ringfence callee show +12025550123
    """

    async def work() -> bytes:
        async with open_store(invocation.settings) as store:
            text = await store.reader.callee(callee_id)
        if text is None:
            raise _nobody(callee_id)
        return text

    text = run(work())
    if invocation.json:
        print_json(views.document(callee_id, text))
    else:
        print_details(views.details(callee_id, text))


@command.command("remove")
@_ID
@expecting
@signed
@click.pass_obj
def remove(invocation: Invocation, callee_id: str, expect: str) -> None:
    """Remove a customer's choices: the rules decide about their calls from then on.

    \b
    Example:
      ringfence callee remove +12025550123
    """

    async def work() -> bool:
        async with open_store(invocation.settings, invocation.signature) as store:
            return await store.writer.remove_callee(callee_id, expect=expect)

    if not run(work()):
        raise _nobody(callee_id)
    if invocation.json:
        print_json({"callee": callee_id, "removed": True})
    else:
        click.echo(f"callee {callee_id} removed: the rules decide about their calls")


def _change(
    invocation: Invocation, callee_id: str, make: Callable[[Callee], Callee], expect: str = ""
) -> None:
    async def work() -> Change:
        async with open_store(invocation.settings, invocation.signature) as store:
            return await change(
                store, callee_id, lambda old: _owned(callee_id, make(old)),
                invocation.signature.who, expect,
            )  # fmt: skip

    done = run(work())
    for name in done.missing:
        click.echo(f"note: there is no list {name} yet: ringfence list add {name} NUMBER", err=True)
    if invocation.json:
        print_json({"callee": callee_id, "result": done.result, "version": done.version})
    else:
        said = f"callee {callee_id} {done.result}, version {done.version}"
        click.echo(f"{said}: {one_line(views.summary(done.callee))}")


def _owned(callee_id: str, callee: Callee) -> Callee:
    """`callee`, if it says whose choices these are. `allow` and `block` have no flag for that."""
    if not callee.numbers and CALLEE_ID.fullmatch(callee_id):
        try:
            parse_entry(callee_id)
        except ValueError:
            raise Refused(
                f"callee {callee_id} has no numbers: `ringfence callee set {callee_id} "
                "--number +12025550123` says whose choices these are"
            ) from None
    return callee


def _nobody(callee_id: str) -> Refused:
    return Refused(f"no callee {callee_id[:80]}: `ringfence callee list` shows them")


command.add_command(history_command("callee", "+12025550123"))
command.add_command(undo_command("callee", "+12025550123"))
