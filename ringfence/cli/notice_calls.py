"""Of `ringfence notice`: the calls of its traffic, what a block would have hit, and the text for
the Commission. Only reads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import click
import msgspec

from ringfence.calllog.record import CallRecord
from ringfence.cli import notice_views as views
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.notice_changes import read_notice
from ringfence.cli.output import parse_span, print_details, print_table
from ringfence.cli.provider_facts import calls_since, read_register
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.config import Settings
from ringfence.providers.blocking import rules_of
from ringfence.providers.commission import Sender, commission_text
from ringfence.providers.model import Provider
from ringfence.providers.notice import AtDeadline, Does, Notice, Step
from ringfence.providers.traffic import Hit, Watch, was_blocked

_ID = click.argument("notice_id", metavar="ID")
_BLOCKS = [str(each) for each in AtDeadline if each.blocks]


async def watch_of(store: Store, notice: Notice) -> Watch:
    """The traffic of a notice, as the register is now."""
    return Watch(notice, (await read_register(store)).whose(notice.provider))


async def seen_since(store: Store, settings: Settings, notice: Notice) -> views.Seen:
    """How much of its traffic came since the notice's time."""
    watch, seen = await watch_of(store, notice), views.Seen()
    async for record in calls_since(store, settings, notice.began):
        if watch.matches(record):
            seen = seen.plus(record)
    return seen


@click.command("calls", cls=Command)
@_ID
@click.option("--anywhere", is_flag=True, help="From whomever: with its numbers alone.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.pass_obj
def calls(invocation: Invocation, notice_id: str, anywhere: bool, limit: int) -> int:
    """Calls of the notice's traffic since its release or receipt, the newest first.

    The proof that the provider has stopped, or has not.

    \b
    Example:
      ringfence notice calls letter-1
    """

    async def work() -> tuple[list[CallRecord], views.Seen]:
        async with open_store(invocation.settings) as store:
            notice = await read_notice(store, notice_id)
            if anywhere and not (notice.traffic.callers or notice.traffic.called):
                raise Refused(f"notice {notice_id} names no numbers: without them it is any call")
            watch, seen = await watch_of(store, notice), views.Seen()
            found: list[CallRecord] = []
            async for record in calls_since(store, invocation.settings, notice.began):
                if watch.is_numbers(record) if anywhere else watch.matches(record):
                    seen = seen.plus(record)
                    if len(found) < limit:
                        found.append(record)
            return found, seen

    found, seen = run(work())
    if invocation.json:
        print_json({"notice": notice_id, **seen._asdict(), "shown": msgspec.to_builtins(found)})
    elif found:
        print_table(views.CALL_COLUMNS, map(views.call_row, found))
    if seen.total > len(found):
        click.echo(f"note: these are {len(found)} of {seen.total}: --limit", err=True)
    if not found and not invocation.json:
        click.echo("none of this traffic since the notice", err=True)
    return 0 if found else 1


@click.command("dry-run", cls=Command)
@_ID
@click.option("--since", default="24h", show_default=True, metavar="SPAN", help="How far back.")
@click.option("--at-deadline", "as_", type=click.Choice(_BLOCKS), help="As if it said so.")
@click.pass_obj
def dry_run(invocation: Invocation, notice_id: str, since: str, as_: str | None) -> None:
    """How many calls of the last day the block of this notice would have hit. Blocks nothing.

    \b
    Example:
      ringfence notice dry-run letter-1 --at-deadline block-direct
    """
    now, span = datetime.now(UTC), parse_span(since)

    async def work() -> tuple[list[str], Counter[str], int, int]:
        async with open_store(invocation.settings) as store:
            notice = await read_notice(store, notice_id)
            if as_:
                notice = msgspec.structs.replace(notice, at_deadline=AtDeadline(as_))
            if not notice.at_deadline.blocks:
                raise Refused(
                    f"notice {notice_id} blocks nothing at its deadline: try --at-deadline"
                )
            register = await read_register(store)
            provider = register.providers.get(notice.provider, Provider())
            # what it would be once the Commission was told
            armed = notice.with_step(Step(now, "", Does.COMMISSION))
            rules = rules_of(notice_id, armed, provider, register.trunks_of(notice.provider), now)
            hit, hits, already, looked = Hit(rules.values()), Counter[str](), 0, 0
            async for record in calls_since(store, invocation.settings, now - span):
                looked += 1
                if rule := hit.by(record):
                    hits[rule] += 1
                    already += was_blocked(record)
            return list(rules), hits, already, looked

    rules, hits, already, looked = run(work())
    if invocation.json:
        print_json({"notice": notice_id, "rules": rules, "calls": looked, "hit": hits.total(),
                    "already_blocked": already, "by_rule": dict(hits)})  # fmt: skip
        return
    print_details([
        ("rules", ", ".join(rules) or "none: the register knows no way to tell its calls"),
        ("calls", f"{looked} in {since}"),
        ("hit", f"{hits.total()}, {already} of them are blocked already"),
        ("by rule", views.hits_text(hits)),
    ])  # fmt: skip


@click.command("text", cls=Command)
@_ID
@click.option("--company", help="Who we are; else notices.company of the settings.")
@click.option("--frn", help="Our FCC registration number; else notices.frn.")
@click.option("--contact", help="Whom to ask here; else notices.contact.")
@click.pass_obj
def text_(
    invocation: Invocation, notice_id: str, company: str | None, frn: str | None,
    contact: str | None,
) -> None:  # fmt: skip
    """The notice and brief summary to the Commission that must come before a (k)(4) block.

    Read it, mend it, send it; then record that with `ringfence notice step ID --commission`. It is
    a draft and no legal advice.

    \b
    Example:
      ringfence notice text letter-1 > notice.txt
    """
    ours = invocation.settings.notices
    sender = Sender(company or ours.company, frn or ours.frn, contact or ours.contact)

    async def work() -> str:
        async with open_store(invocation.settings) as store:
            notice = await read_notice(store, notice_id)
            register = await read_register(store)
            provider = register.providers.get(notice.provider, Provider())
            trunks, seen = (
                register.trunks_of(notice.provider),
                await seen_since(store, invocation.settings, notice),
            )
            return commission_text(
                notice_id, notice, provider, len(trunks), seen.total, sender, datetime.now(UTC)
            )

    text = run(work())
    if invocation.json:
        print_json({"notice": notice_id, "text": text})
    else:
        click.echo(text, nl=False)
