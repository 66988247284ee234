"""`ringfence identity`: a captured Identity header taken apart, or verified, by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from ringfence.attestation import Verification
from ringfence.attestation.compact import date_of
from ringfence.attesting import facts_of
from ringfence.cli.identity_anatomy import take_apart
from ringfence.cli.identity_capture import Capture, load_capture
from ringfence.cli.identity_proof import Proof, as_handed_over, means_of, prove
from ringfence.cli.identity_view import (
    print_anatomies,
    print_steps,
    proof_details,
    proof_document,
)
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import one_line, parse_past, print_details
from ringfence.cli.refusals import Refused
from ringfence.cli.session import open_store, run
from ringfence.numbers import Number, normalise
from ringfence.trunk import DEFAULT_TRUNK, Trunk, decode_trunk

_SOURCE = click.argument("source", metavar="FILE|-")


@click.group("identity", cls=Group)
def command() -> None:
    """Identity headers (STIR/SHAKEN) by hand: what is in one, and whether it holds."""


@command.command("show")
@_SOURCE
@click.pass_obj
def show(invocation: Invocation, source: str) -> int:
    """Take captured Identity headers apart. Nothing is fetched, and no signature is checked.

    FILE has one or several headers, with or without their name in front, or a whole INVITE as it
    was captured. Exit code 1 where one of them is malformed.

    \b
    Example:
      ringfence identity show invite.txt
    """
    capture = load_capture(source)
    if not capture.identities:
        raise Refused(f"{source}: no Identity header in it")
    now = time.time()
    found = [take_apart(at, text, now) for at, text in enumerate(capture.identities, 1)]
    call = {
        "caller": capture.caller,
        "called": capture.called,
        "date": capture.headers.get("date", ""),
    }
    if invocation.json:
        print_json({**call, "headers": msgspec.to_builtins(found)})
    else:
        if any(call.values()):
            print_details(call.items())
            click.echo()
        print_anatomies(found)
        _tell(_left_out(capture))
    return 1 if any(each.faults for each in found) else 0


@command.command("verify")
@_SOURCE
@click.option("--caller", default="", metavar="NUMBER", help="Instead of the INVITE's.")
@click.option("--called", default="", metavar="NUMBER", help="Instead of the INVITE's.")
@click.option(
    "--trunk", default="", metavar="NAME", help="How it writes numbers; else as in the US."
)
@click.option("--at", metavar="WHEN", help="As if it were then: a span ago (2h), or a time.")
@click.option("--date", metavar="WHEN", help="The call's Date header, which compact tokens need.")
@click.option("--certificate", "certificates", multiple=True, metavar="PEM",
              help="The signer's, instead of fetching it. Repeatable.")  # fmt: skip
@click.option("--roots", default="", metavar="PEM", help="Instead of attestation.roots.")
@click.pass_obj
def verify(invocation: Invocation, /, source: str, **given: Any) -> int:
    """Verify captured Identity headers, and show every check in its order.

    Certificates are fetched and kept as `ringfence serve` does it. Caller, called number and Date
    are those of the INVITE, where FILE has one. Exit code 0: a signature holds; 1: none does.

    \b
    Example:
      ringfence identity verify invite.txt --at 2027-01-31T08:00:00Z
    """
    capture = load_capture(source)
    caller, called = given["caller"] or capture.caller, given["called"] or capture.called
    for name, number in (("caller", caller), ("called", called)):
        if not number:
            raise click.UsageError(f"no {name} number: give --{name}, or a file with the INVITE")
    at = None
    if given["at"] is not None:
        at = parse_past(given["at"], datetime.now(UTC)).timestamp()
    date = _date(given["date"] or capture.headers.get("date", ""), asked=bool(given["date"]))
    identities, notes = as_handed_over(capture.identities)
    means = means_of(invocation.settings, given["certificates"], given["roots"], at)

    async def work() -> tuple[Proof, Number, Number]:
        trunk = await _trunk(invocation, given["trunk"], notes) if given["trunk"] else DEFAULT_TRUNK
        called_plan, caller_plan = trunk.plans
        numbers = normalise(caller, caller_plan), normalise(called, called_plan)
        return (await prove(identities, facts_of(*numbers, date), means), *numbers)

    proof, *numbers = run(work())
    notes = [*_left_out(capture), *notes, *proof.notes]
    shown = {"caller": numbers[0].text, "called": numbers[1].text}
    if invocation.json:
        print_json({**shown, **proof_document(proof), "notes": notes})
    else:
        print_steps(proof)
        if proof.steps:
            click.echo()
        print_details([*proof_details(proof), *shown.items()])
        _tell(notes)
    return 0 if proof.attestation.verification is Verification.PASSED else 1


def _tell(notes: list[str]) -> None:
    for note in notes:
        click.echo(f"note: {one_line(note)}", err=True)


def _left_out(capture: Capture) -> list[str]:
    return [f"{capture.others} more INVITEs are left out"] if capture.others else []


def _date(text: str, *, asked: bool) -> float | None:
    """As a Date header has it; where somebody `asked` for it, also as --at has it."""
    if not text:
        return None
    if (found := date_of(text)) is not None or not asked:
        return found
    try:
        return parse_past(text, datetime.now(UTC)).timestamp()
    except click.BadParameter:
        raise click.UsageError(
            f"--date {text!r}: write 'Sat, 13 Nov 2027 23:29:00 GMT' or 2027-11-13T23:29:00Z"
        ) from None


async def _trunk(invocation: Invocation, name: str, notes: list[str]) -> Trunk:
    async with open_store(invocation.settings) as store:
        text = (await store.reader.trunks()).get(name)
    if text is None:
        notes.append(f"trunk {name} has no settings: the defaults are taken")
        return DEFAULT_TRUNK
    try:
        return decode_trunk(name, text)
    except ValueError as error:
        raise Refused(f"trunk {name} is refused: {error}") from None
