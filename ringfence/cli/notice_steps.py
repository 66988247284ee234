"""Steps of a notice: what was done, a later deadline, and how it ends. Each is dated and signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.notice_changes import Changed, change_notice
from ringfence.cli.output import parse_moment, parse_past
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import signed
from ringfence.providers.deadlines import minute, refuse_odd_time, span_text
from ringfence.providers.notice import Does, Notice, Step
from ringfence.providers.progress import extended, lifted, resolved

_ID = click.argument("notice_id", metavar="ID")
_TEXT = click.argument("text", metavar="[TEXT]", default="")


@click.command("step", cls=Command)
@_ID
@_TEXT
@click.option("--commission", is_flag=True, help="The Commission was given notice and summary.")
@click.option("--at", metavar="WHEN", help="When: a span ago (2h) or a time; else now.")
@signed
@click.pass_obj
def step(
    invocation: Invocation, notice_id: str, text: str, commission: bool, at: str | None
) -> None:
    """Record what was done about a notice: dated, and signed by you.

    With --commission a block that waited for that is armed.

    \b
    Example:
      ringfence notice step letter-1 'called their NOC: they look into it'
    """
    if not text.strip() and not commission:
        raise click.UsageError("nothing to record: say in a few words what was done")
    now = datetime.now(UTC).replace(microsecond=0)
    when = parse_past(at, now).replace(microsecond=0) if at else now
    refuse_odd_time("--at", when)
    if when > now:
        raise click.UsageError(f"--at {minute(when)} is yet to come")
    done = Step(when, _who(invocation), Does.COMMISSION if commission else Does.NOTE, text)
    changed = _change(invocation, notice_id, lambda old: (old.with_step(done), ()), "step")
    _tell(invocation, notice_id, changed, "a step is recorded")


@click.command("extend", cls=Command)
@_ID
@_TEXT
@click.option("--to", "deadline", required=True, metavar="WHEN", help="7d, a date, or a time.")
@signed
@click.pass_obj
def extend(invocation: Invocation, notice_id: str, text: str, deadline: str) -> None:
    """Give an open notice another deadline.

    \b
    Example:
      ringfence notice extend letter-1 --to 24h 'as agreed with the Enforcement Bureau'
    """
    now = datetime.now(UTC).replace(microsecond=0)
    until = parse_moment(deadline, now)
    refuse_odd_time("--to", until)
    if until <= now:
        raise click.UsageError(f"--to {minute(until)} has passed")

    def make(old: Notice) -> tuple[Notice, Sequence[str]]:
        _refuse_closed(notice_id, old)
        if old.blocked:
            raise Refused(f"its block is in force: ringfence notice lift {notice_id}")
        told = f"from {minute(old.deadline)} to {minute(until)}" + (f": {text}" if text else "")
        return extended(old, until, Step(now, _who(invocation), Does.EXTENDED, told)), ()

    changed = _change(invocation, notice_id, make, "extend")
    left = span_text(until - now)
    _tell(invocation, notice_id, changed, f"is due {minute(until)} ({left} left)")


@click.command("resolve", cls=Command)
@_ID
@_TEXT
@signed
@click.pass_obj
def resolve(invocation: Invocation, notice_id: str, text: str) -> None:
    """Close a notice: it is settled, and nothing happens at its deadline.

    \b
    Example:
      ringfence notice resolve letter-1 'the customer behind it was cut off'
    """

    def make(old: Notice) -> tuple[Notice, Sequence[str]]:
        _refuse_closed(notice_id, old)
        if old.blocked:
            raise Refused(f"its block is in force: ringfence notice lift {notice_id}")
        now = datetime.now(UTC).replace(microsecond=0)
        return resolved(old, Step(now, _who(invocation), Does.RESOLVED, text)), ()

    _tell(invocation, notice_id, _change(invocation, notice_id, make, "resolve"), "resolved")


@click.command("lift", cls=Command)
@_ID
@_TEXT
@signed
@click.pass_obj
def lift(invocation: Invocation, notice_id: str, text: str) -> None:
    """Take back the block of a notice, all of it and nothing else, and close the notice.

    Calls that were ended stay so.

    \b
    Example:
      ringfence notice lift letter-1 'the Bureau has withdrawn it'
    """

    def make(old: Notice) -> tuple[Notice, Sequence[str]]:
        if not old.blocked:
            raise Refused(
                f"notice {notice_id} blocks nothing: `ringfence notice resolve` closes it"
            )
        now = datetime.now(UTC).replace(microsecond=0)
        return lifted(old, Step(now, _who(invocation), Does.LIFTED, text))

    changed = _change(invocation, notice_id, make, "lift")
    for rule in changed.edited:
        click.echo(f"note: rule {rule} had been changed by an admin and is gone, too", err=True)
    removed = ", ".join(changed.removed) or "no rule was left of it"
    _tell(invocation, notice_id, changed, f"lifted: {removed}")


def _change(
    invocation: Invocation,
    id: str,
    make: Callable[[Notice], tuple[Notice, Sequence[str]]],
    op: str,
) -> Changed:
    async def work() -> Changed:
        async with open_store(invocation.settings, invocation.signature) as store:
            return await change_notice(store, id, make, op)

    return run(work())


def _tell(invocation: Invocation, id: str, changed: Changed, said: str) -> None:
    if invocation.json:
        print_json({"notice": id, "version": changed.version, "status": changed.notice.status,
                    "removed": list(changed.removed)})  # fmt: skip
    else:
        click.echo(f"notice {id}: {said}, version {changed.version}")


def _who(invocation: Invocation) -> str:
    return invocation.signature.who[:200]


def _refuse_closed(id: str, notice: Notice) -> None:
    if not notice.is_open:
        raise Refused(f"notice {id} is {notice.status}: add another one")
