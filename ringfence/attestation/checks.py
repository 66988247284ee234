"""The checks of one token, each on its own: what fails and with which word; pure.

Which of them are made, and in which order, is the verifier's affair.
"""

from __future__ import annotations

from ringfence.attestation.certificate import Signer
from ringfence.attestation.failure import Failure, Reason, printable
from ringfence.attestation.jws import signature_holds
from ringfence.attestation.passport import SHAKEN, Passport
from ringfence.attestation.x5u import fault_of

FRESH_SECONDS = 60.0
"""Into the past and into the future (ATIS-1000074)."""


def address_fault(passport: Passport, info: str) -> Failure | None:
    if info != passport.x5u:
        return Failure(Reason.BAD_X5U, "info is not x5u")
    fault = fault_of(passport.x5u)
    return Failure(Reason.BAD_X5U, f"x5u is {fault}") if fault else None


def freshness_fault(passport: Passport, now: float) -> Failure | None:
    age = now - passport.iat
    if abs(age) <= FRESH_SECONDS:
        return None
    return Failure(
        Reason.STALE, f"{round(abs(age)):.10g} s {'old' if age > 0 else 'in the future'}"
    )


def certificate_fault(signer: Signer, number: str, now: float) -> Failure | None:
    # it may have been good when it was put into a cache
    if now > signer.not_after:
        return Failure(Reason.EXPIRED, "since it was fetched")
    if now < signer.not_before:
        return Failure(Reason.NOT_YET_VALID, "the certificate's time has not come")
    if not signer.tnauthlist.covers(number):
        return Failure(Reason.OUT_OF_SCOPE, f"the certificate does not cover {number or 'this'}")
    return None


def signature_fault(passport: Passport, signer: Signer) -> Failure | None:
    if signature_holds(passport.signed, passport.signature, signer.key):
        return None
    return Failure(Reason.BAD_SIGNATURE, f"not signed with the key of {signer.subject}")


def claims_fault(passport: Passport, signer: Signer) -> Failure | None:
    for limits in signer.constraints:
        if fault := limits.fault_of(passport.claims):
            return Failure(Reason.OUT_OF_SCOPE, f"the certificate allows no token {fault}")
    return None


def attest_fault(passport: Passport) -> Failure | None:
    if passport.ppt != SHAKEN or passport.attest in ("A", "B", "C"):
        return None
    return Failure(Reason.BAD_ATTEST, f"attest is {printable(passport.attest, 16)!r}")


def caller_fault(passport: Passport, caller: str) -> Failure | None:
    if passport.orig == caller:
        return None
    return Failure(Reason.ORIG_MISMATCH, f"orig is {passport.orig or 'no number'}, not {caller}")
