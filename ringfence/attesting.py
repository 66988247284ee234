"""Our own verifier meets one call: its Identity headers, its numbers, the certificates at hand.

Owns the wait for a certificate that is still to come, which it bounds; knows no rules and no door.
What a token is worth is judged in `attestation`, where certificates come from is known to
`certificates`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from ringfence.attestation import Attestation, Failure, Pending, Reason, Verification
from ringfence.attestation.certificate import Signer
from ringfence.attestation.compact import date_of
from ringfence.attestation.identity import Identity, parse_identity
from ringfence.attestation.passport import Passport
from ringfence.attestation.verifier import ORIGIN, CallFacts, verify
from ringfence.call import CallAttempt
from ringfence.clock_doubt import ClockDoubt
from ringfence.numbers import Number

log = structlog.get_logger(__name__)

NOT_VERIFIED = Attestation(origin=ORIGIN, detail="our verifier failed; the log has why")


class Certificates(Protocol):
    """The signers behind each x5u, as `certificates.CertificateStore` has them."""

    def get(self, x5u: str, now: float) -> Signer | Failure | Pending:
        """At once; PENDING starts a fetch."""

    async def wait(self, x5u: str, seconds: float) -> Signer | Failure | Pending:
        """As `get`, after at most so many seconds."""

    def proved(self, x5u: str) -> None:
        """A signature by this certificate held."""

    def doubted(self, x5u: str, now: float) -> None:
        """One did not."""


def facts_of(caller: Number, called: Number, date: float | None) -> CallFacts:
    """What the tokens of a call between these numbers must agree with."""
    return CallFacts(caller.e164 or caller.text, called.e164 or called.text, date)


class Check:
    """One call's Identity headers; `pending` are the certificates that it could not have yet."""

    __slots__ = ("_attempt", "_certificates", "_doubt", "_now", "pending")

    def __init__(
        self, attempt: CallAttempt, certificates: Certificates, now: float, doubt: ClockDoubt
    ) -> None:
        self._doubt = doubt
        self._attempt = attempt
        self._certificates = certificates
        self._now = now
        self.pending: list[str] = []

    def verify(self, caller: Number, called: Number) -> Attestation:
        """What the headers prove of a call between these numbers. Never raises: a token that we
        cannot read must not keep its call from being screened."""
        try:
            facts = facts_of(caller, called, date_of(self._attempt.headers.get("date", "")))
            identities = self._attempt.identities or ()
            found = verify(identities, facts, self._certificate_of, self._now)
            if found.verification is Verification.PASSED:
                self._certificates.proved(found.x5u)
                self._doubt.fresh()
            elif found.reason == Reason.BAD_SIGNATURE:
                self._certificates.doubted(found.x5u, self._now)
            elif found.reason == Reason.STALE:
                self._look_at_clock(found.x5u)
        except Exception:
            log.exception("Identity headers not verified", uniqueid=self._attempt.uniqueid)
            return NOT_VERIFIED
        return found

    def _look_at_clock(self, x5u: str) -> None:
        for text in self._attempt.identities or ():
            identity = parse_identity(text)
            token = identity.token if isinstance(identity, Identity) else None
            if isinstance(token, Passport) and token.x5u == x5u:
                ahead = self._doubt.stale(self._now - token.iat, x5u, self._now)
                if ahead is not None:
                    log.error(
                        "tokens of all signers look stale: is this machine's clock right?",
                        seconds_ahead=round(ahead),
                        mend="set it by NTP",
                    )
                return

    def _certificate_of(self, x5u: str) -> Signer | Failure | Pending:
        found = self._certificates.get(x5u, self._now)
        if isinstance(found, Pending):
            self.pending.append(x5u)
        return found


class Attester:
    """Makes the check of a call. `wait` is a call's share of the deadline, in seconds, for
    certificates that nobody has asked for before."""

    def __init__(self, certificates: Certificates, wait: float) -> None:
        self._certificates = certificates
        self._wait = wait
        self._doubt = ClockDoubt()

    def check(self, attempt: CallAttempt, now: float) -> Check:
        """The check of one call; it has not looked at anything yet."""
        return Check(attempt, self._certificates, now, self._doubt)

    async def ready(self, pending: Sequence[str]) -> None:
        """When this returns the certificates are there, or the share is used up."""
        if self._wait > 0:
            waits = (self._certificates.wait(x5u, self._wait) for x5u in dict.fromkeys(pending))
            await asyncio.gather(*waits)
