"""`ringfence notice`: notices about providers, their deadlines, and every step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from ringfence.cli import notice_views as views
from ringfence.cli.history import history_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.notice_calls import calls, dry_run, seen_since, text_
from ringfence.cli.notice_changes import decoded, read_text
from ringfence.cli.notice_flags import (
    notice_flags,
    notice_of,
    without_past_reminders,
    without_zone,
)
from ringfence.cli.notice_steps import extend, lift, resolve, step
from ringfence.cli.output import print_details, print_table
from ringfence.cli.provider_facts import Register, read_register
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import signed
from ringfence.config import Settings
from ringfence.providers.blocking import waits_for_commission
from ringfence.providers.deadlines import minute
from ringfence.providers.notice import Notice, decode_notice, refuse_overlong
from ringfence.store.writing.writer import Stored

_ID = click.argument("notice_id", metavar="ID")


@click.group("notice", cls=Group)
def command() -> None:
    """Letters, orders and requests about providers: their deadlines, and what follows.

    `ringfence serve` keeps the deadlines: it reminds, raises the alarm, or blocks.
    """


command.add_command(history_command("notice", "letter-1"))
for each in (step, extend, resolve, lift, calls, dry_run, text_):
    command.add_command(each)


@command.command("add")
@_ID
@notice_flags
@signed
@click.pass_obj
def add(invocation: Invocation, /, notice_id: str, **flags: Any) -> None:
    """Record a notice; its kind decides its deadline and what follows, unless you do.

    \b
    ftc-fcc-letter     48 hours, then its calls are blocked both ways
    suspected-traffic  14 days, then an alarm
    initial-order      14 days, then an alarm
    final-order        30 days from its release, then its direct calls are blocked
    traceback          24 hours of business days, then an alarm
    own                --deadline, then an alarm

    \b
    Example:
      ringfence notice add letter-1 --kind ftc-fcc-letter --provider example-gateway \\
        --received 2h --caller '+1900*' --campaign 'coronavirus tests' --hang-up
    """
    now = datetime.now(UTC).replace(microsecond=0)
    settings = invocation.settings
    notice = notice_of(flags, settings.notices.timezone, invocation.signature.who, now)

    async def work() -> tuple[Stored, list[str]]:
        async with open_store(settings, invocation.signature) as store:
            register = await read_register(store)
            if notice.provider and notice.provider not in register.providers:
                raise Refused(
                    f"provider {notice.provider[:64]} is not in the register: "
                    f"ringfence provider add {notice.provider[:64]}"
                )
            if await store.reader.notice(notice_id) is not None:
                raise Refused(f"notice {notice_id} exists: give this one another id")
            refuse_overlong(notice)
            kept = without_past_reminders(notice, now)
            done = await store.writer.set_notice(notice_id, kept, only_new=True)
            notes = _notes(notice_id, notice, register, settings)
            return done, [*without_zone(flags), *notes]

    done, notes = run(work())
    if invocation.json:
        print_json({"notice": notice_id, "result": str(done.result), "version": done.version,
                    "deadline": notice.deadline.isoformat(), "notes": notes})  # fmt: skip
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    left = views.left(notice, now)
    click.echo(f"notice {notice_id} added, due {minute(notice.deadline)} ({left} left), "
               f"then {notice.at_deadline}")  # fmt: skip


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are closed, too.")
@click.pass_obj
def list_(invocation: Invocation, everything: bool) -> None:
    """Open notices, the next deadline first.

    \b
    Example:
      ringfence notice list --all
    """

    async def work() -> dict[str, bytes]:
        async with open_store(invocation.settings) as store:
            return await store.reader.notices()

    now = datetime.now(UTC)
    found = sorted(run(work()).items(), key=lambda item: _due(*item))
    shown = [item for item in found if everything or _is_open(*item)]
    if invocation.json:
        print_json([views.document(*item, now) for item in shown])
    elif not shown:
        click.echo("no notice" if everything or not found else "no notice is open", err=True)
    else:
        print_table(views.COLUMNS, (views.row(*item, now) for item in shown))


@command.command("show")
@_ID
@click.pass_obj
def show(invocation: Invocation, notice_id: str) -> None:
    """A notice with its countdown, its steps, and the calls of its traffic since.

    \b
    Example:
      ringfence notice show letter-1
    """

    async def work() -> tuple[bytes, views.Seen]:
        async with open_store(invocation.settings) as store:
            text = await read_text(store, notice_id)
            notice = await decoded(store, notice_id, text)
            return text, await seen_since(store, invocation.settings, notice)

    text, seen = run(work())
    now = datetime.now(UTC)
    if invocation.json:
        print_json(views.document(notice_id, text, now, seen))
    else:
        print_details(views.details(notice_id, text, seen, now))


def _notes(id: str, notice: Notice, register: Register, settings: Settings) -> list[str]:
    notes, at = [], notice.at_deadline
    provider = register.providers.get(notice.provider)
    if waits_for_commission(notice):
        notes.append(
            "before it blocks, the Commission must be told, (k)(4): send `ringfence notice text "
            f"{id}`, then `ringfence notice step {id} --commission`"
        )
    if at.direct:
        others = register.disputed(notice.provider).items()
        notes += [f"trunk {name}: {of.why}" for name, of in others]
    if provider and at.direct and not (register.trunks_of(notice.provider) or provider.addresses):
        notes.append(f"the register has no trunk and no address of {notice.provider}")
    if provider and at.signer and not provider.signers:
        notes.append(f"the register has no signer of {notice.provider}")
    if notice.hang_up and not settings.ami.host:
        notes.append("calls in progress can only be ended where ami.host is set")
    return notes


def _due(id: str, text: bytes) -> tuple[bool, float, str]:
    try:
        notice = decode_notice(id, text)
    except ValueError:
        return (False, 0.0, id)
    return (not notice.is_open, notice.deadline.timestamp(), id)


def _is_open(id: str, text: bytes) -> bool:
    try:
        return decode_notice(id, text).is_open
    except ValueError:
        return True
