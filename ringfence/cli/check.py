"""`ringfence check`: what would happen to a call and why, by the rules as they are in Redis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
import msgspec

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import Call, CallAttempt
from ringfence.cli.assertion import asserted
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.membership import find_in_list
from ringfence.cli.output import moment, one_line, parse_moment, print_details, print_table
from ringfence.cli.rule_views import read_rule
from ringfence.cli.session import Store, open_store, run
from ringfence.lists import NumberList
from ringfence.rules import Step, compile_rules, evaluate, explain
from ringfence.rules.emergency import EMERGENCY_LIST, PUBLIC_SAFETY_LIST
from ringfence.screening import call_of
from ringfence.trunk import DEFAULT_TRUNK, decode_trunk
from ringfence.verdict import Verdict
from ringfence.world import World

SHORT = 40
"""With more rules than this only those are shown that have something to do with the call."""


class Answer(NamedTuple):
    """The verdict with all that led to it; `called` is what was asked for, as it was written.

    `at` is when the call would come, in Unix seconds.
    """

    call: Call
    at: float
    called: str
    verdict: Verdict
    steps: list[Step]
    notes: list[str]


@click.command("check", cls=Command)
@click.option(
    "--caller", default="", metavar="NUMBER", help="As the trunk writes it; none: anonymous."
)
@click.option("--called", default="", metavar="NUMBER", help="As the trunk writes it.")
@click.option("--trunk", default="", metavar="NAME", help="The PJSIP endpoint it comes from.")
@click.option("--source-ip", default="", metavar="ADDRESS")
@click.option("--name", "caller_name", default="", help="The caller's name.")
@click.option("--user-agent", default="", help="The caller's User-Agent header.")
@click.option("--attestation", type=click.Choice([str(level) for level in Level]))
@click.option("--verification", type=click.Choice([str(each) for each in Verification]))
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Repeatable.")
@click.option("--at", metavar="WHEN", help="A time such as 2027-01-31T08:00:00-05:00; else now.")
@click.option("--all", "everything", is_flag=True, help="Every rule, also of many.")
@click.pass_obj
def command(invocation: Invocation, /, everything: bool, at: str | None, **facts: Any) -> None:
    """What would happen to this call, and why, rule by rule. Nothing is placed or recorded.

    Without --attestation the call is unsigned; a level means that its signature held.
    With --at it comes at another time: schedules, and rules and entries as they will be in force.

    \b
    Example:
      ringfence check --caller +19005550100 --called +12025550123 --trunk carrier-a
    """
    if not any(facts.values()):
        raise click.UsageError("nothing to check: give --caller and --called, as the trunk does")
    attempt = _attempt(facts)
    attestation = _attestation(facts["attestation"], facts["verification"])
    now = datetime.now(UTC)
    when = (parse_moment(at, now) if at is not None else now).timestamp()

    async def work() -> Answer:
        async with open_store(invocation.settings) as store:
            return await _answer(
                store, attempt, attestation, when, monitor=invocation.settings.screening.monitor
            )

    answer = run(work())
    if invocation.json:
        print_json(_document(answer))
    else:
        _print(answer, everything=everything)


def _attempt(facts: dict[str, Any]) -> CallAttempt:
    headers = {}
    for header in facts["headers"]:
        name, colon, value = header.partition(":")
        if not colon:
            raise click.UsageError(f"--header {header!r}: write 'NAME: VALUE'")
        headers[name.strip().lower()] = value.strip()
    if facts["user_agent"]:
        headers["user-agent"] = facts["user_agent"]
    return CallAttempt(
        caller=facts["caller"],
        called=facts["called"],
        trunk=facts["trunk"],
        source=facts["source_ip"],
        caller_name=facts["caller_name"],
        headers=headers,
    )


def _attestation(level: str | None, verification: str | None) -> Attestation | None:
    try:
        return asserted(
            level or "", verification or "", origin="the command line", field="--attestation "
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None


async def _answer(
    store: Store,
    attempt: CallAttempt,
    attestation: Attestation | None,
    now: float,
    *,
    monitor: bool,
) -> Answer:
    notes: list[str] = []
    world = await _world(store, attempt, now, notes)
    call = call_of(attempt, world.trunks.get(attempt.trunk, DEFAULT_TRUNK))
    if attestation:
        call = msgspec.structs.replace(call, attestation=attestation)
    verdict = evaluate(world.rules, call, world.lists, now, monitor=monitor)
    steps = explain(world.rules, call, world.lists, now, monitor=monitor)
    if monitor:
        notes.append("screening.monitor is on: every rule only notes")
    return Answer(call, now, attempt.called, verdict, steps, notes)


async def _world(store: Store, attempt: CallAttempt, now: float, notes: list[str]) -> World:
    shown = [read_rule(*item) for item in (await store.reader.rules()).items()]
    notes += [f"rule {s.id} is refused and left out: {s.refused}" for s in shown if not s.rule]
    book = compile_rules(s.rule for s in shown if s.rule)
    trunks = {}
    if text := (await store.reader.trunks()).get(attempt.trunk):
        try:
            trunks[attempt.trunk] = decode_trunk(attempt.trunk, text)
        except ValueError as error:
            notes.append(f"trunk {attempt.trunk} is refused, the defaults are taken: {error}")
    call = call_of(attempt, trunks.get(attempt.trunk, DEFAULT_TRUNK))
    lists = {}
    for name in sorted(book.list_names | {EMERGENCY_LIST, PUBLIC_SAFETY_LIST}):
        # only what this call meets is fetched: a list may have millions of entries
        numbers = lists[name] = NumberList(name)
        for number in (call.caller, call.called):
            if found := await find_in_list(store, name, number, now):
                numbers.add(found.entry, found.expires)
        if name in book.list_names and not len(numbers) and not await store.reader.list_size(name):
            notes.append(f"there is no list {name}, which a rule names")
    return World(book, lists, trunks)


def _print(answer: Answer, *, everything: bool) -> None:
    call, verdict = answer.call, answer.verdict
    attestation = call.attestation
    signed = str(attestation.level)
    if attestation.verification is not Verification.NONE:
        signed += f", verification {attestation.verification}"
    if attestation.detail:
        signed += f" ({attestation.detail})"
    print_details([
        ("verdict", str(verdict.action)),
        ("SIP", str(verdict.sip or "")),
        ("prompt", verdict.prompt),
        ("label", verdict.label),
        ("reason", str(verdict.reason)),
        ("rule", verdict.rule),
        ("because", ", ".join(verdict.matched)),
        ("caller", call.caller.text or "(none)"),
        ("called", call.called.text if answer.called else "(none)"),
        ("trunk", call.trunk),
        ("provider", call.provider),
        ("user agent", call.user_agent),
        ("attestation", signed),
        ("at", moment(answer.at)),
    ])  # fmt: skip
    for note in answer.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    steps = answer.steps
    if len(steps) > SHORT and not everything:
        steps = [step for step in steps if step.outcome in ("matched", "noted")]
    if answer.steps:
        click.echo()
        print_table(
            ("rule", "action", "outcome", "why"),
            ((s.rule, s.action, s.outcome, s.why) for s in steps),
        )
    if len(steps) < len(answer.steps):
        click.echo(f"{len(answer.steps) - len(steps)} more rules; --all shows them", err=True)


def _document(answer: Answer) -> dict[str, Any]:
    return {
        "verdict": msgspec.to_builtins(answer.verdict),
        "call": {
            "caller": answer.call.caller.text,
            "called": answer.call.called.text,
            "caller_name": answer.call.caller_name,
            "user_agent": answer.call.user_agent,
            "trunk": answer.call.trunk,
            "provider": answer.call.provider,
            "source_ip": answer.call.source_ip,
            "attestation": msgspec.to_builtins(answer.call.attestation),
            "at": answer.at,
        },
        "steps": msgspec.to_builtins(answer.steps),
        "notes": answer.notes,
    }
