"""`ringfence traceback`: where a call came from, as the answer that is asked for within a day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
import msgspec

from ringfence.archive import CallSearch, archive_of
from ringfence.archive.traceback import Answer, Asked, Result, trace
from ringfence.cli import traceback_views as views
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.notice_flags import notice_of, without_past_reminders
from ringfence.cli.output import parse_past, parse_span, print_details
from ringfence.cli.provider_facts import read_register
from ringfence.cli.refusals import Refused
from ringfence.cli.replacing import replacing
from ringfence.cli.session import open_store, run
from ringfence.cli.signature import signed
from ringfence.providers.deadlines import Kind, minute
from ringfence.providers.notice import Notice, Step, refuse_overlong


class _Request(NamedTuple):
    """The notice that a request is recorded as; an empty id: it is not."""

    id: str
    notice: Notice | None


@click.command("traceback", cls=Command)
@click.option("--called", required=True, metavar="NUMBER", help="On its last ten digits.")
@click.option("--caller", required=True, metavar="NUMBER", help="Likewise; or 'anonymous'.")
@click.option(
    "--at", required=True, metavar="TIME", help="When the call was, in UTC unless it says a zone."
)
@click.option("--window", default="5m", show_default=True, metavar="SPAN", help="Before and after.")
@click.option("--csv", "csv_file", metavar="FILE", help="The answer as a table, too.")
@click.option("--html", "html_file", metavar="FILE", help="And as a page to print.")
@click.option("--record", metavar="ID", default="", help="Keep the request as a notice of this id.")
@click.option("--received", metavar="WHEN", help="Of that notice: when it came in; else now.")
@click.option("--timezone", metavar="ZONE", default="",
              help="Of that notice's clock; else notices.timezone.")  # fmt: skip
@signed
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    called: str,
    caller: str,
    at: str,
    window: str,
    csv_file: str | None,
    html_file: str | None,
    **recording: Any,
) -> int:
    """Find a call and say from whom it came: a provider and its contact, or a customer of ours.

    Looks in Redis and in the archive. Where there is no such call it says what was looked at, and
    exits with 1. With --record the request becomes a notice with its 24 hours on the rule's clock.

    \b
    Example:
      ringfence traceback --called 2025550123 --caller 3015550199 --at 2026-11-20T15:02Z
    """
    now = datetime.now(UTC).replace(microsecond=0)
    asked = Asked(called=called, caller=caller, at=parse_past(at, now), window=parse_span(window))
    request = _request(invocation, asked, recording, now)
    answer = run(_trace(invocation, asked, request, now))
    if csv_file:
        with replacing(csv_file) as out:
            out.write(views.as_csv(answer).encode())
    if html_file:
        with replacing(html_file) as out:
            company = invocation.settings.notices.company
            out.write(views.as_page(answer, company, now).encode())
    if invocation.json:
        print_json(views.document(answer))
    else:
        print_details(views.facts(answer))
    if request.notice:
        due = minute(request.notice.deadline)
        click.echo(f"notice {request.id} added, due {due}: ringfence notice resolve {request.id}",
                   err=True)  # fmt: skip
    return 1 if answer.result is Result.NOT_FOUND else 0


def _request(
    invocation: Invocation, asked: Asked, recording: dict[str, Any], now: datetime
) -> _Request:
    if not recording["record"]:
        if recording["received"] or recording["timezone"]:
            raise click.UsageError("--received and --timezone go with --record")
        return _Request("", None)
    flags = {
        "kind": Kind.TRACEBACK,
        "received": recording["received"],
        "timezone": recording["timezone"],
        "caller": (asked.caller,),
        "called": (asked.called,),
        "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        **dict.fromkeys(("released", "deadline", "at_deadline", "basis")),
        **dict.fromkeys(("provider", "title", "campaign", "text"), ""),
        "hang_up": False,
        "remind": (),
    }
    zone, who = invocation.settings.notices.timezone, invocation.signature.who
    return _Request(recording["record"], notice_of(flags, zone, who, now))


async def _trace(invocation: Invocation, asked: Asked, request: _Request, now: datetime) -> Answer:
    async with open_store(invocation.settings, invocation.signature) as store:
        register = await read_register(store)
        search = CallSearch(store.redis, store.keys, archive_of(invocation.settings))
        answer = await trace(search, asked, register.trunks, register.providers)
        if search.archive.away:
            # "not found" would be a wrong answer
            raise Refused(search.archive.away)
        if request.notice:
            said = next(text for name, text in views.facts(answer) if name == "answer")
            step = Step(
                at=now, who=invocation.signature.who[:200], text=f"looked up: {said}"[:4_000]
            )
            notice = request.notice.with_step(step)
            if answer.result in (Result.PROVIDER, Result.ORIGIN):
                provider = answer.matches[0].source.provider
                notice = msgspec.structs.replace(notice, provider=provider)
            refuse_overlong(notice)
            kept = without_past_reminders(notice, now)
            await store.writer.set_notice(request.id, kept, only_new=True)
    return answer
