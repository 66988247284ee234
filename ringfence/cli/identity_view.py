"""How Identity headers, and the checks of them, are shown to people and to scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from ringfence.attestation import Failure, Pending, Reason, Verification
from ringfence.attestation.certificate import Signer
from ringfence.attestation.verifier import Step
from ringfence.cli.identity_anatomy import Anatomy, age_text, content_text, issued
from ringfence.cli.identity_certificates import Obtained
from ringfence.cli.identity_proof import Proof
from ringfence.cli.output import moment, print_details, print_table

FRESHNESS = "freshness"
CERTIFICATE = "certificate"
_LEVELS = {
    "A": "A: the signer knows the caller, and that the number is theirs",
    "B": "B: the signer knows the caller, not the number",
    "C": "C: the signer only brought the call into the network",
}


def print_anatomies(found: Sequence[Anatomy]) -> None:
    """Each header's parts, one below the other."""
    for each in found:
        if each.header > 1:
            click.echo()
        print_details([
            ("header", f"{each.header} of {len(found)}"),
            ("kind", f"{each.kind or 'no ppt'}, {each.form}"),
            *(("wrong", f"{f.reason} ({f.code}): {f.detail}") for f in each.faults),
            ("level", _LEVELS.get(each.level, each.level)),
            ("orig", each.orig),
            ("dest", ", ".join(each.dest)),
            ("div", each.div),
            ("origid", each.origid),
            ("issued", _issued(each)),
            ("x5u", each.x5u),
            ("info", "the same as x5u" if each.info_is_x5u else each.info),
            ("alg", each.alg),
            ("ppt", each.ppt),
            ("token header", content_text(each.protected)),
            ("claims", content_text(each.claims)),
        ])  # fmt: skip


def _issued(each: Anatomy) -> str:
    if each.iat is None or each.age is None:
        return ""
    return f"{issued(each.iat) or each.iat}, {age_text(each.age)}"


def print_steps(proof: Proof) -> None:
    """The checks in their order."""
    rows = [_row(step, proof) for step in proof.steps]
    if rows:
        print_table(("header", "check", "result", "code", "detail"), rows)


def proof_details(proof: Proof) -> list[tuple[str, str]]:
    """What the checks come to."""
    said = proof.attestation
    why = said.reason + (f" ({said.code})" if said.code else "")
    return [
        ("attestation", str(said.level)),
        ("verification", str(said.verification)),
        ("reason", why),
        ("detail", said.detail),
        ("signer", said.signer),
        ("origid", said.origid),
        ("x5u", said.x5u),
        ("at", moment(proof.at)),
    ]


def proof_document(proof: Proof) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "passed": proof.attestation.verification is Verification.PASSED,
        "attestation": msgspec.to_builtins(proof.attestation),
        "at": proof.at,
        "steps": [
            {
                "header": step.header + 1,
                "check": step.check,
                "ok": step.failure is None,
                "reason": step.failure.reason.value if step.failure else "",
                "code": step.failure.code if step.failure else 0,
                "detail": _detail(step, proof),
            }
            for step in proof.steps
        ],
        "certificates": [
            {"x5u": x5u, "source": got.source, "seconds": round(got.seconds, 3)} | _found(got)
            for x5u, got in proof.certificates.items()
        ],
    }


def _row(step: Step, proof: Proof) -> tuple[str, str, str, str, str]:
    failure = step.failure
    return (
        str(step.header + 1),
        step.check,
        failure.reason.value if failure else "ok",
        str(failure.code or "") if failure else "",
        _detail(step, proof),
    )


def _detail(step: Step, proof: Proof) -> str:
    detail = step.failure.detail if step.failure else ""
    token = proof.tokens.get(step.header)
    if token is None:
        return detail
    if step.failure and step.failure.reason is Reason.STALE:
        # to see whether the rest of an old capture is in order
        then = issued(token.iat) if token.iat is not None else ""
        return f"{detail} (--at {then})" if then else detail
    if step.check == FRESHNESS and token.iat is not None:
        return f"issued {age_text(proof.at - token.iat)}"
    if step.check == CERTIFICATE and (got := proof.certificates.get(token.x5u)):
        return "; ".join(text for text in (detail, _told(got)) if text)
    return detail


def _told(got: Obtained) -> str:
    """Whose certificate it is, and how it was had."""
    signed = isinstance(got.found, Signer)
    fetched = f"fetched in {got.seconds:.2f} s" if signed else f"after {got.seconds:.2f} s"
    how = {"cache": "from the cache", "file": "from the file", "none": ""}.get(got.source, fetched)
    if not isinstance(got.found, Signer):
        return how
    whose = f"SPC {got.found.spc}" if got.found.spc else "numbers alone"
    return f"{whose}, {got.found.subject}, until {moment(got.found.not_after)}, {how}"


def _found(got: Obtained) -> dict[str, Any]:
    match got.found:
        case Signer() as signer:
            return {
                "signer": signer.spc,
                "subject": signer.subject,
                "not_before": signer.not_before,
                "not_after": signer.not_after,
                "root": signer.chain[-1].subject.rfc4514_string(),
            }
        case Failure() as failure:
            return {"reason": failure.reason.value, "detail": failure.detail}
        case Pending():
            return {"reason": Reason.CERTIFICATE_PENDING.value, "detail": "it is still to come"}
