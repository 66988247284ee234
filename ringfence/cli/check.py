"""`ringfence check`: what would happen to a call and why, by what is in Redis at the moment."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, NamedTuple

import click
import msgspec

from ringfence.attestation import Attestation, Level, Reason, Verification
from ringfence.call import CallAttempt
from ringfence.cli.asserted_counts import (
    COUNTS,
    Counts,
    counted_as_said,
    parse_counts,
    without_counter,
)
from ringfence.cli.assertion import asserted
from ringfence.cli.check_ground import world_of
from ringfence.cli.check_view import Answer, document, print_answer
from ringfence.cli.identity_attempt import prove_attempt, signed_attempt
from ringfence.cli.identity_capture import load_capture
from ringfence.cli.identity_proof import Means, means_of
from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import parse_moment
from ringfence.cli.session import Store, open_store, run
from ringfence.config import Settings
from ringfence.rules import demands, evaluate, explain
from ringfence.screening import call_of
from ringfence.store.counting.counters import Peek
from ringfence.trunk import DEFAULT_TRUNK

ASSERTED = ("attestation", "verification", "signer", "origid", "reason", "diverters")


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
@click.option("--signer", default="", metavar="SPC", help="Who signed: a service provider code.")
@click.option("--diverter", "diverters", multiple=True, metavar="SPC",
              help="Who sent the call on, and signed that; repeatable.")  # fmt: skip
@click.option("--origid", default="", help="Origination id of the signature.")
@click.option(
    "--reason",
    type=click.Choice([str(each) for each in Reason]),
    metavar="WORD",
    help="Why no signature counts: no-identity, stale, bad-signature, untrusted, ...",
)
@click.option(
    "--identity",
    metavar="FILE|-",
    help="Verify these Identity headers: captured ones, "
    "or a whole INVITE, whose caller and called number count then.",
)
@click.option(
    "--certificate",
    "certificates",
    multiple=True,
    metavar="PEM",
    help="With --identity: the signer's, instead of fetching it. Repeatable.",
)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Repeatable.")
@click.option("--rate", default="", metavar="[RULE=]COUNT",
              help="As if so many calls had come, this one included, "
              "in place of what is counted.")  # fmt: skip
@click.option("--spread", default="", metavar="[RULE=]COUNT", help="The same of a spread.")
@click.option("--at", metavar="WHEN", help="A time such as 2027-01-31T08:00:00-05:00; else now.")
@click.option("--all", "everything", is_flag=True, help="Every rule, also of many.")
@click.pass_obj
def command(invocation: Invocation, /, everything: bool, at: str | None, **facts: Any) -> None:
    """What would happen to this call, and why, rule by rule. Nothing is placed or recorded.

    Before the rules come the emergency guard, then what the called customer allows or blocks.
    Without --attestation the call is unsigned; a level, a signer, a diverter or an origid means
    that its signature held. With --identity its headers are verified as `ringfence serve` does it.
    With --at it comes at another time: schedules, and rules and entries as they will be in force.

    \b
    Example:
      ringfence check --caller +19005550100 --called +12025550123 --trunk carrier-a
      ringfence check --identity invite.txt --trunk carrier-a
    """
    if not any(facts.values()):
        raise click.UsageError("nothing to check: give --caller and --called, as the trunk does")
    attestation = _attestation(facts)
    counts = _counts(facts)
    now = datetime.now(UTC)
    when = (parse_moment(at, now) if at is not None else now).timestamp()
    notes: list[str] = []
    attempt, means = _attempt(facts), None
    if facts["identity"] is not None:
        attempt, more = signed_attempt(attempt, load_capture(facts["identity"]))
        notes += more
        files = facts["certificates"]
        means = means_of(invocation.settings, files, at=when if at is not None else None)

    async def work() -> Answer:
        async with open_store(invocation.settings) as store:
            asked = _Asked(attempt, attestation, means, when, counts)
            return await _answer(store, asked, invocation.settings, notes)

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


class _Asked(NamedTuple):
    """The call that is asked about. `attestation` is what somebody says of it; with `means` its
    Identity headers are verified."""

    attempt: CallAttempt
    attestation: Attestation | None
    means: Means | None
    at: float
    counts: Counts


def _counts(facts: dict[str, Any]) -> Counts:
    try:
        return Counts(*(parse_counts(f"--{name}", facts[name]) for name in COUNTS))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _attestation(facts: dict[str, Any]) -> Attestation | None:
    given = {name: facts[name] for name in ASSERTED if facts[name]}
    if facts["identity"] is not None and given:
        name = next(iter(given)).removesuffix("s")
        raise click.UsageError(f"--identity is verified: leave out --{name}")
    if facts["certificates"] and facts["identity"] is None:
        raise click.UsageError("--certificate goes with --identity")
    level, verification = given.pop("attestation", ""), given.pop("verification", "")
    try:
        return asserted(level, verification, origin="the command line", prefix="--", **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


async def _answer(store: Store, asked: _Asked, settings: Settings, notes: list[str]) -> Answer:
    attempt, attestation, _, now, counts = asked
    world = await world_of(store, attempt, now, notes)
    trunk = world.trunks.get(attempt.trunk, DEFAULT_TRUNK)
    proof = None
    if asked.means is not None and "ringfence" in trunk.attestation:
        proof = await prove_attempt(attempt, trunk, asked.means)
    said = proof.attestation if proof else None
    call = call_of(attempt, trunk, (lambda caller, called: said) if said else None)
    if proof:
        notes += proof.notes
    if attestation:
        call = msgspec.structs.replace(call, attestation=attestation)
    choice = world.callees.choice(call, world.lists, now)
    monitor = settings.screening.monitor
    thresholds = trunk.score or settings.score.thresholds
    given: dict[str, Any] = {"monitor": monitor, "choice": choice}
    wanted = demands(world.rules, call, world.lists, now, **given)
    # As it would be with this call, which is not counted for that.
    peeked = await Peek(store.redis, store.keys).count(wanted, now)
    rules = world.rules.rules
    given["counted"] = {**peeked, **counted_as_said(rules, call, counts)}
    notes += without_counter(rules, counts)
    given["thresholds"] = thresholds
    verdict = evaluate(world.rules, call, world.lists, now, **given)
    steps = explain(world.rules, call, world.lists, now, **given)
    if monitor:
        notes.append("screening.monitor is on: every rule only notes")
    return Answer(call, now, attempt.called, choice, verdict, steps, notes, proof)
