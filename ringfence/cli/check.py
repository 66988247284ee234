"""`ringfence check`: what would happen to a call and why, by what is in Redis at the moment."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import click
import msgspec

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import CallAttempt
from ringfence.cli.assertion import asserted
from ringfence.cli.check_view import Answer, document, print_answer
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.membership import find_in_list
from ringfence.cli.output import parse_moment
from ringfence.cli.rule_views import read_rule
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.stored import stored_callees
from ringfence.config import Settings
from ringfence.lists import NumberList
from ringfence.rules import compile_rules, demands, evaluate, explain
from ringfence.rules.callee_book import compile_callees
from ringfence.rules.emergency import EMERGENCY_LIST, PUBLIC_SAFETY_LIST
from ringfence.rules.respond import PASSED_LIST
from ringfence.screening import call_of
from ringfence.store.counting.counters import Peek
from ringfence.trunk import DEFAULT_TRUNK, decode_trunk
from ringfence.world import World

ALWAYS_ASKED = frozenset({EMERGENCY_LIST, PUBLIC_SAFETY_LIST, PASSED_LIST})
"""Lists that count without a rule that names them."""


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

    Before the rules come the emergency guard, then what the called customer allows or blocks.
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
            return await _answer(store, attempt, attestation, when, invocation.settings)

    answer = run(work())
    if invocation.json:
        print_json(document(answer))
    else:
        print_answer(answer, everything=everything)


def _attempt(facts: dict[str, Any]) -> CallAttempt:
    headers = {}
    for header in facts["headers"]:
        name, colon, value = header.partition(":")
        if not colon:
            raise click.UsageError(f"--header {header!r}: write 'NAME: VALUE'")
        headers[name.strip().lower()] = value.strip()
    if facts["source_ip"]:
        try:
            ip_address(facts["source_ip"])
        except ValueError:
            raise click.UsageError(
                f"--source-ip {facts['source_ip']!r} is no address: write 192.0.2.1 or 2001:db8::1"
            ) from None
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
    settings: Settings,
) -> Answer:
    notes: list[str] = []
    world = await _world(store, attempt, now, notes)
    trunk = world.trunks.get(attempt.trunk, DEFAULT_TRUNK)
    call = call_of(attempt, trunk)
    if attestation:
        call = msgspec.structs.replace(call, attestation=attestation)
    choice = world.callees.choice(call, world.lists, now)
    monitor = settings.screening.monitor
    thresholds = trunk.score or settings.score.thresholds
    given: dict[str, Any] = {"monitor": monitor, "choice": choice}
    asked = demands(world.rules, call, world.lists, now, **given)
    # As it would be with this call, which is not counted for that.
    given["counted"] = await Peek(store.redis, store.keys).count(asked, now)
    given["thresholds"] = thresholds
    verdict = evaluate(world.rules, call, world.lists, now, **given)
    steps = explain(world.rules, call, world.lists, now, **given)
    if monitor:
        notes.append("screening.monitor is on: every rule only notes")
    return Answer(call, now, attempt.called, choice, verdict, steps, notes)


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
    found = await stored_callees(store)
    notes += [f"{reason}: left out" for reason in found.refused.values()]
    callees = compile_callees(found.good)
    owner = callees.owner(call.called)
    named = book.list_names | (owner.list_names if owner else frozenset())
    lists = {}
    for name in sorted(named | ALWAYS_ASKED):
        # only what this call meets is fetched: a list may have millions of entries
        numbers = lists[name] = NumberList(name)
        for number in (call.caller, call.called):
            if there := await find_in_list(store, name, number, now):
                numbers.add(there.entry, there.expires)
        if name in named and not len(numbers) and not await store.reader.list_size(name):
            who = "a rule" if name in book.list_names else f"callee {owner.id}" if owner else ""
            notes.append(f"there is no list {name}, which {who} names")
    return World(book, lists, trunks, callees)
