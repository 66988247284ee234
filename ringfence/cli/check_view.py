"""How `ringfence check` shows what would happen to a call; knows no store."""

from __future__ import annotations

from typing import Any, NamedTuple

import click
import msgspec

from ringfence.attestation import Verification
from ringfence.call import Call
from ringfence.cli.identity_proof import Proof
from ringfence.cli.identity_view import print_steps, proof_document
from ringfence.cli.output import moment, one_line, print_details, print_table
from ringfence.durations import duration_text
from ringfence.rules import Step
from ringfence.rules.choice import Choice
from ringfence.verdict import Action, Verdict

SHORT = 40
"""With more rules than this only those are shown that have something to do with the call."""


class Answer(NamedTuple):
    """The verdict with all that led to it; `called` is what was asked for, as it was written.

    `at` is when the call would come, in Unix seconds; `proof` is there where its Identity headers
    were verified.
    """

    call: Call
    at: float
    called: str
    choice: Choice
    verdict: Verdict
    steps: list[Step]
    notes: list[str]
    proof: Proof | None = None


def print_answer(answer: Answer, *, everything: bool) -> None:
    """The answer for people."""
    call, verdict = answer.call, answer.verdict
    attestation = call.attestation
    signed = str(attestation.level)
    if attestation.verification is not Verification.NONE:
        signed += f", verification {attestation.verification}"
    if attestation.reason:
        signed += f", {attestation.reason}"
    if attestation.detail:
        signed += f" ({attestation.detail})"
    print_details([
        ("verdict", str(verdict.action)),
        ("SIP", str(verdict.sip or "")),
        ("prompt", verdict.prompt),
        *_treatment(answer),
        ("label", verdict.label),
        ("reason", str(verdict.reason)),
        ("rule", verdict.rule),
        ("because", ", ".join(verdict.matched)),
        ("score", str(verdict.score or "")),
        ("caller", call.caller.text or "(none)"),
        ("called", call.called.text if answer.called else "(none)"),
        ("callee", _chosen(answer.choice)),
        ("trunk", call.trunk),
        ("provider", call.provider),
        ("user agent", call.user_agent),
        ("attestation", signed),
        ("signer", attestation.signer),
        ("sent on by", ", ".join(attestation.diverters)),
        ("origid", attestation.origid),
        ("at", moment(answer.at)),
    ])  # fmt: skip
    for note in answer.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    if answer.proof and answer.proof.steps:
        click.echo()
        print_steps(answer.proof)
    steps = answer.steps
    if len(steps) > SHORT and not everything:
        steps = [step for step in steps if step.outcome in ("matched", "noted", "left out")]
    if answer.steps:
        click.echo()
        print_table(
            ("rule", "action", "outcome", "why"),
            ((s.rule, s.action, s.outcome, s.why) for s in steps),
        )
    if len(steps) < len(answer.steps):
        click.echo(f"{len(answer.steps) - len(steps)} more rules; --all shows them", err=True)


def _treatment(answer: Answer) -> list[tuple[str, str]]:
    verdict, treatment = answer.verdict, answer.verdict.treatment
    challenged, heard = verdict.action == Action.CHALLENGE, verdict.action == Action.INTERCEPT
    caught = ", ".join(f"{each.list} for {duration_text(each.seconds)}" for each in verdict.also)
    place = f"{treatment.extension or answer.call.called.text}@{treatment.context}"
    return [
        ("language", treatment.language),
        ("times", str(treatment.repeat) if treatment.repeat > 1 else ""),
        ("answered", "yes" if treatment.answer else ""),
        ("tries", str(treatment.tries) if challenged else ""),
        ("then", treatment.then if heard else ""),
        ("to", place if treatment.context else ""),
        ("put on a list", caught),
    ]


def _chosen(choice: Choice) -> str:
    if not choice.callee:
        return ""
    says = f"allows {choice.allowed}" if choice.allowed else ""
    says = f"blocks {choice.blocked}" if choice.blocked else says or "no word on this caller"
    return f"{choice.callee}: {says}" + ("" if choice.analytics else ", opted out of analytics")


def document(answer: Answer) -> dict[str, Any]:
    """The answer for scripts."""
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
        "choice": answer.choice._asdict(),
        "identity": proof_document(answer.proof) if answer.proof else None,
        "steps": msgspec.to_builtins(answer.steps),
        "notes": answer.notes,
    }
