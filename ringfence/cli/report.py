"""`ringfence report`: what the call log tells, as tables to read, to keep and to print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from ringfence.calllog.filter import CallFilter, is_number, last_ten
from ringfence.cli import report_views as views
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import parse_past, print_table
from ringfence.cli.refusals import Refused
from ringfence.cli.report_output import Output, Report, Whole, outputs, read_through, span_options
from ringfence.cli.session import run
from ringfence.numbers import normalise
from ringfence.providers.deadlines import zone_of
from ringfence.reports.blocked import BlockedReport
from ringfence.reports.rules import RulesReport
from ringfence.reports.traffic import SHORT, By, TrafficReport
from ringfence.verdict import Basis


@click.group("report", cls=Group)
def command() -> None:
    """What the call log tells: a subscriber's blocked calls, and what came over whom.

    Calls are read from Redis and from the archive in the state directory, in memory that does not
    grow with their number.
    """


@command.command("blocked")
@click.option("--called", metavar="NUMBER", required=True, help="The subscriber's number.")
@click.option(
    "--basis", "bases", multiple=True, type=click.Choice([*map(str, Basis), "none"]),
    help="Only calls blocked on this ground; repeatable. All: with none.",
)  # fmt: skip
@click.option("--timezone", "zone", default="UTC", metavar="ZONE", show_default=True,
              help="For the times in the table: America/New_York.")  # fmt: skip
@span_options("28d")
@outputs(plot=False)
@click.pass_obj
def blocked(
    invocation: Invocation, /, called: str, bases: tuple[str, ...], zone: str, since: str,
    until: str | None, output: Output,
) -> int:  # fmt: skip
    """The calls to one number that did not get through: when, from whom, why.

    What a subscriber may ask for (47 CFR 64.1200(k)(10)); --basis analytics is exactly that.
    Blocked, intercepted, challenged and not passed, diverted away: each is named. What monitor mode
    only noted is not among them.

    \b
    Example:
      ringfence report blocked --called +12025550123 --timezone America/New_York \\
        --html blocked.html
    """
    number = _called(called)
    where = _zone(zone)
    report = BlockedReport(number, bases)
    wanted = _wanted(since, until)._replace(called=number)
    whole = run(read_through(invocation.settings, wanted, report.add, output))
    page = views.blocked_page(report, where, whole)
    return _show(invocation, output, views.blocked_document(report, whole), page, whole)


def _traffic(by: By, example: str) -> click.Command:
    @click.command(f"{by}s", cls=Group.command_class)
    @span_options("24h")
    @click.option(
        "--short",
        type=click.FloatRange(0, 3600),
        default=SHORT,
        show_default=True,
        metavar="SECONDS",
        help="Answered calls of so many seconds at most are short.",
    )
    @outputs(plot=True)
    @click.pass_obj
    def traffic(
        invocation: Invocation, /, since: str, until: str | None, short: float, output: Output
    ) -> int:
        report = TrafficReport(by, short=short)
        wanted = _wanted(since, until)
        whole = run(read_through(invocation.settings, wanted, report.add, output))
        page = views.traffic_page(report, by, whole)
        return _show(invocation, output, views.traffic_document(report, by, whole), page, whole)

    traffic.help = (
        f"What came {'over each trunk' if by == 'trunk' else 'from each provider'}: attempts, what "
        "was kept away, different callers and called numbers, attestation, verification, numbers "
        "that cannot exist, callers on complaint lists.\n\nA ~ marks an estimate. The share of "
        "answered calls, how long they were and how many of them were short is said of calls whose "
        "end is known: where ami.host is set."
        f"\n\n\b\nExample:\n  ringfence report {by}s --since {example}"
    )
    return traffic


command.add_command(_traffic("trunk", "7d --plot trunks.png"))
command.add_command(_traffic("provider", "30d --html providers.html"))


@command.command("rules")
@span_options("24h")
@outputs(plot=True)
@click.pass_obj
def rules(invocation: Invocation, /, since: str, until: str | None, output: Output) -> int:
    """What each rule did: calls that it kept away, let through, had a part in, would have hit.

    In brackets is what decides and is no rule: (score), (callee), (emergency), (no-rule).

    \b
    Example:
      ringfence report rules --since 7d --csv rules.csv
    """
    report = RulesReport()
    wanted = _wanted(since, until)
    whole = run(read_through(invocation.settings, wanted, report.add, output))
    page = views.rules_page(report, whole)
    return _show(invocation, output, views.rules_document(report, whole), page, whole)


def _show(
    invocation: Invocation, output: Output, document: dict[str, Any], report: Report, whole: Whole
) -> int:
    output.write(report)
    for note in (*whole.notes, *report.notes):
        click.echo(f"note: {note}", err=True)
    if invocation.json:
        print_json(msgspec.to_builtins(document))
    elif report.tables[0].rows:
        for number, table in enumerate(report.tables):
            if number:
                click.echo()
            print_table(table.columns, table.rows)
    else:
        click.echo(report.nothing, err=True)
    return 0 if report.tables[0].rows else 1


def _wanted(since: str, until: str | None) -> CallFilter:
    now = datetime.now(UTC)
    first = parse_past(since, now)
    last = parse_past(until, now) if until else now
    if last <= first:
        raise click.UsageError("--until lies before --since")
    return CallFilter(since=first.timestamp(), until=last.timestamp())


def _called(text: str) -> str:
    number = normalise(text)
    if number.e164:
        return number.e164
    if not (is_number(text) and last_ten(text)):
        raise Refused(f"--called {text[:40]!r} is no number: write it as +12025550123")
    return text.strip()


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--timezone") from None
