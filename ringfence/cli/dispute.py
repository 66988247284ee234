"""`ringfence dispute`: callers who say that they were blocked in error."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import click

from ringfence.archive import archive_of
from ringfence.cli import dispute_views as views
from ringfence.cli.dispute_calls import Looked, about, look
from ringfence.cli.history import history_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import moment, one_line, parse_past, print_details, print_table
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.signature import signed
from ringfence.redress.clock import is_overdue
from ringfence.redress.model import ANSWER, Dispute, Does, Step
from ringfence.redress.register import Disputes, Found, Kept, step_of
from ringfence.store.writing.dispute_writer import DisputeWriter

_ID = click.argument("dispute_id", metavar="ID")
MOST_TEXT = 4_000


def _bounded(ctx: click.Context, parameter: click.Parameter, text: str) -> str:
    if len(text) > MOST_TEXT:
        raise click.BadParameter(f"up to {MOST_TEXT} characters: keep long texts elsewhere")
    return text


_TEXT = click.option("--text", default="", metavar="TEXT", callback=_bounded,
                     help="For who reads it later.")  # fmt: skip


@click.group("dispute", cls=Group)
def command() -> None:
    """Callers who say that they were blocked in error: an answer is due within 24 hours.

    ID is a dispute's own, or the id that went out with the rejection, which is that of the call.
    """


command.add_command(history_command("dispute", "261122-k7m3p"))


@command.command("add")
@click.argument("number", metavar="[NUMBER]", default="")
@click.option("--id", "call_id", default="", metavar="ID", help="That went out with the rejection.")
@click.option("--by", "party", default="", metavar="WHO", help="Who disputes it.")
@click.option("--contact", default="", metavar="TEXT", help="Where to answer: email, telephone.")
@click.option("--received", metavar="WHEN", help="When it came, if not now: 3h, a date, a time.")
@_TEXT
@signed
@click.pass_obj
def add(
    invocation: Invocation, /, number: str, call_id: str, party: str, contact: str,
    received: str | None, text: str,
) -> None:  # fmt: skip
    """Record a dispute; its clock runs from when it was received.

    With the --id of a rejected call the number need not be given: it is that call's.

    \b
    Example:
      ringfence dispute add +12025550142 --by 'Ann Lee' --contact ann@example.com \\
        --text 'our appointment reminders'
    """
    now = _now()
    came = parse_past(received, now) if received else now
    if came > now:
        raise click.UsageError("--received lies ahead: say when it came")

    async def work() -> tuple[Found, Looked]:
        async with open_store(invocation.settings, invocation.signature) as store:
            looked = await about(store, archive_of(invocation.settings), number, call_id, now)
            dispute = Dispute(
                number=looked.number,
                received=came,
                deadline=came + ANSWER,
                call=call_id,
                party=party,
                contact=contact,
                text=text,
                blocked_by=looked.blocked_by,
                added_by=invocation.signature.who[:200],
                added_at=now,
            )
            disputes = _disputes(store, invocation)
            return await disputes.find(await disputes.add(dispute)), looked

    found, looked = run(work())
    said = f"dispute {found.id} of {found.dispute.number}: an answer is due "
    _tell(invocation, found, said + moment(found.dispute.deadline), looked)


@command.command("list")
@click.option("--open", "only_open", is_flag=True, help="Without those that are closed.")
@click.option("--overdue", is_flag=True, help="Only those that should have been answered.")
@click.pass_obj
def list_(invocation: Invocation, /, only_open: bool, overdue: bool) -> None:
    """All disputes, the oldest first, and how long there is to answer.

    \b
    Example:
      ringfence dispute list --open
    """

    async def work() -> Kept:
        async with open_store(invocation.settings) as store:
            return await _disputes(store, invocation).all()

    kept, now = run(work()), _now()
    shown = [
        each
        for each in kept.found
        if not (only_open and each.dispute.status == "closed")
        and (not overdue or is_overdue(each.dispute, now))
    ]
    for id, why in kept.refused.items():
        click.echo(f"note: dispute {id} is refused: {one_line(why)}", err=True)
    if invocation.json:
        print_json([views.document(each, now) for each in shown])
    elif not shown:
        click.echo("no such disputes" if kept.found else "no disputes", err=True)
    else:
        print_table(views.COLUMNS, (views.row(each, now) for each in shown))


@command.command("show")
@_ID
@click.pass_obj
def show(invocation: Invocation, /, dispute_id: str) -> None:
    """One dispute: who, by when, what blocked the number, every step.

    \b
    Example:
      ringfence dispute show 261122-k7m3p
    """

    async def work() -> Found:
        async with open_store(invocation.settings) as store:
            return await _disputes(store, invocation).find(dispute_id)

    found = run(work())
    if invocation.json:
        print_json(views.document(found, _now()))
    else:
        print_details(views.details(found, _now()))


@command.command("told")
@_ID
@_TEXT
@signed
@click.pass_obj
def told(invocation: Invocation, /, dispute_id: str, text: str) -> None:
    """Record that the party was told how things stand: the 24 hours are kept.

    \b
    Example:
      ringfence dispute told 261122-k7m3p --text 'we look into it, answer by Friday'
    """
    found = _step(invocation, Does.TOLD, text, lambda d, step: d.tell(dispute_id, step))
    _tell(invocation, found, f"dispute {found.id}: told")


@command.command("lift")
@_ID
@_TEXT
@signed
@click.pass_obj
def lift(invocation: Invocation, /, dispute_id: str, text: str) -> None:
    """Let the number through from the next call on, and say by which rules it had been blocked.

    It goes on the list `redress`: rules and scores leave it alone. Rules on a duty (dno-*,
    provider-*, rmd) do not, nor what called customers asked for.

    \b
    Example:
      ringfence dispute lift 261122-k7m3p --why 'a clinic, called back'
    """
    now = _now()

    async def work() -> tuple[Found, Looked]:
        async with open_store(invocation.settings, invocation.signature) as store:
            disputes = _disputes(store, invocation)
            number = (await disputes.find(dispute_id)).dispute.number
            # the number is let through first: looking through a long call log takes its time
            step = step_of(now, invocation.signature.who, Does.LIFTED, text)
            found = await disputes.lift(dispute_id, step)
            looked = await look(store, archive_of(invocation.settings), number, now)
            return await disputes.note_blockers(found.id, looked.blocked_by), looked

    found, looked = run(work())
    said = f"dispute {found.id}: {found.dispute.number} is let through from the next call on"
    _tell(invocation, found, said, looked, lifted=True)
    if not invocation.json:
        click.echo(f"undo: ringfence dispute undo {found.id}")


@command.command("undo")
@_ID
@_TEXT
@signed
@click.pass_obj
def undo(invocation: Invocation, /, dispute_id: str, text: str) -> None:
    """Take a lift back: rules hold for the number again, and the dispute is as open as before.

    \b
    Example:
      ringfence dispute undo 261122-k7m3p --why 'it was a scam after all'
    """

    async def work() -> tuple[Found, list[str]]:
        async with open_store(invocation.settings, invocation.signature) as store:
            step = step_of(_now(), invocation.signature.who, Does.UNDONE, text)
            return await _disputes(store, invocation).undo(dispute_id, step)

    found, others = run(work())
    said = f"dispute {found.id}: rules hold for {found.dispute.number} again"
    if others:
        said = f"dispute {found.id}: {found.dispute.number} stays let through by {others[0]}"
    _tell(invocation, found, said)


@command.command("close")
@_ID
@_TEXT
@signed
@click.pass_obj
def close(invocation: Invocation, /, dispute_id: str, text: str) -> None:
    """Nothing more is to be done. A number that was let through stays so.

    \b
    Example:
      ringfence dispute close 261122-k7m3p --text 'told them why it stays blocked'
    """
    found = _step(invocation, Does.CLOSED, text, lambda d, step: d.close(dispute_id, step))
    _tell(invocation, found, f"dispute {found.id}: closed")


def _step(
    invocation: Invocation, does: Does, text: str,
    change: Callable[[Disputes, Step], Coroutine[Any, Any, Found]],
) -> Found:  # fmt: skip
    async def work() -> Found:
        async with open_store(invocation.settings, invocation.signature) as store:
            step = step_of(_now(), invocation.signature.who, does, text)
            return await change(_disputes(store, invocation), step)

    return run(work())


def _tell(
    invocation: Invocation, found: Found, said: str, looked: Looked | None = None,
    *, lifted: bool = False,
) -> None:  # fmt: skip
    for note in looked.notes if looked else ():
        click.echo(f"note: {one_line(note)}", err=True)
    if lifted:
        for warning in views.warnings(found.dispute.blocked_by):
            click.echo(f"note: {one_line(warning)}", err=True)
    if invocation.json:
        print_json(views.document(found, _now()))
        return
    click.echo(said)
    if looked is None:
        return
    for each in found.dispute.blocked_by:
        click.echo(f"had been blocked by {one_line(views.blocked_text(each))}")
    if not found.dispute.blocked_by:
        click.echo("no call of it was kept away, as far as the call log goes", err=True)


def _disputes(store: Store, invocation: Invocation) -> Disputes:
    who, why = invocation.signature
    return Disputes(store.redis, store.keys, DisputeWriter(store.redis, store.keys, who, why=why))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
