"""Our own STIR/SHAKEN verifier: the Identity headers of a call → its attestation; pure.

The order of the checks, and the code of each failure, are those of RFC 8224 section 6.2 and
ATIS-1000074. Certificates come from whoever calls, and so does the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from ringfence.attestation.canonical import canonical
from ringfence.attestation.certificate import Signer
from ringfence.attestation.checks import (
    address_fault,
    attest_fault,
    caller_fault,
    certificate_fault,
    claims_fault,
    freshness_fault,
    signature_fault,
)
from ringfence.attestation.compact import rebuild
from ringfence.attestation.diversion import Diversion, trace
from ringfence.attestation.failure import Failure, Pending, Reason, printable
from ringfence.attestation.identity import Compact, Identity, parse_identity
from ringfence.attestation.model import Attestation, Level, Verification
from ringfence.attestation.passport import DIV, SHAKEN, Passport

ORIGIN = "identity"
MAX_IDENTITIES = 8
"""Identity headers that are looked at; each may cost a signature check."""

_LEVELS = {level.value: level for level in (Level.A, Level.B, Level.C)}
CertificateOf = Callable[[str], Signer | Failure | Pending]


class CallFacts(msgspec.Struct, frozen=True):
    """What a token must agree with: both numbers with their country code, in any dress, and the
    time of the Date header in Unix seconds, which only a compact token needs."""

    caller: str
    called: str
    date: float | None = None


class Step(NamedTuple):
    """One check of one header, for people who want to see the way of a verdict."""

    header: int
    check: str
    failure: Failure | None


def verify(
    identities: Sequence[str],
    facts: CallFacts,
    certificate_of: CertificateOf,
    now: float,
    steps: list[Step] | None = None,
) -> Attestation:
    """What the Identity headers prove. `steps` is given the checks in their order.

    Of several SHAKEN tokens that hold, the weakest counts: it is what all of them support.
    """
    if not any(map(str.strip, identities)):
        return _nothing(Failure(Reason.NO_IDENTITY, "no Identity header"))
    call = _Call(canonical(facts.caller), canonical(facts.called), facts.date, certificate_of, now)
    if not call.caller or not call.called:
        which = "called" if call.caller else "caller"
        return _nothing(Failure(Reason.NO_NUMBER, f"the {which} has no number to compare"))
    call.steps = steps
    tokens, failure = call.read(identities[:MAX_IDENTITIES])
    if len(tokens) == 1 and tokens[0].passport.ppt == SHAKEN:
        return call.examine(tokens[0], ())  # nearly always
    wanted = [t for t in tokens if t.passport.ppt == SHAKEN]
    wanted = wanted or [t for t in tokens if not t.passport.ppt]
    if not wanted:
        return _nothing(failure or Failure(Reason.NO_SHAKEN, "no SHAKEN token"))
    diverted = [token for token in tokens if token.passport.ppt == DIV]
    results = [call.examine(token, diverted) for token in wanted]
    passed = [said for said in results if said.verification is Verification.PASSED]
    if passed:
        return max(passed, key=lambda said: said.level)
    # one that could not be checked yet may still be the one that holds
    return next((said for said in results if said.verification is Verification.NONE), results[0])


class _Token(NamedTuple):
    header: int
    info: str
    passport: Passport


class _Call:
    """One call's facts, in the form that tokens have them, and the checks against them."""

    def __init__(
        self,
        caller: str,
        called: str,
        date: float | None,
        certificate_of: CertificateOf,
        now: float,
    ) -> None:
        self.caller = caller
        self.called = called
        self.steps: list[Step] | None = None
        self._date = date
        self._diverters: dict[int, Signer | Failure] = {}
        self._certificate_of = certificate_of
        self._now = now

    def read(self, identities: Sequence[str]) -> tuple[list[_Token], Failure | None]:
        """The tokens, and the first header's failure that is none."""
        tokens: list[_Token] = []
        first: Failure | None = None
        for at, text in enumerate(identities):
            identity = parse_identity(text)
            token = identity if isinstance(identity, Failure) else self._in_full(at, identity)
            if isinstance(token, _Token):
                self._note(at, "header", None)
                tokens.append(token)
            else:
                first = first or token
                self._note(at, "header", token)
        return tokens, first

    def examine(self, token: _Token, diverted: Sequence[_Token]) -> Attestation:
        """What one token with an origin proves, with the diversions behind it."""
        passport = token.passport
        signer = self._signer_of(token, passport.orig)
        if isinstance(signer, Failure) and signer.proves:
            return _unproven(signer, passport)
        # A certificate that is still to come can mend none of what follows.
        failure = self._note(token.header, "attest", attest_fault(passport)) or self._note(
            token.header, "caller", caller_fault(passport, self.caller)
        )
        if failure is not None:
            return _unproven(failure, passport)
        way = trace(
            self.called,
            passport.dest,
            [other.passport for other in diverted],
            lambda at: self._diverter(diverted[at]),
        )
        self._note(token.header, "called", way if isinstance(way, Failure) else None)
        if isinstance(way, Failure):
            worst = way if way.proves or isinstance(signer, Signer) else signer
            return _unproven(worst, passport)
        if isinstance(signer, Failure):
            return _unproven(signer, passport)
        return _passed(passport, signer, way)

    def _in_full(self, at: int, identity: Identity) -> _Token | Failure:
        token, info = identity.token, identity.info
        if not isinstance(token, Compact):
            return _Token(at, info, token)
        if self._date is None:
            return Failure(Reason.MALFORMED, "a compact token, and no Date header")
        full = rebuild(token, info=info, caller=self.caller, called=self.called, date=self._date)
        return _Token(at, info, full)

    def _diverter(self, token: _Token) -> Signer | Failure:
        # several SHAKEN tokens may ask about the same one
        if token.header not in self._diverters:
            signer = self._signer_of(token, token.passport.div)
            if isinstance(signer, Signer):
                fault = caller_fault(token.passport, self.caller)
                signer = self._note(token.header, "caller", fault) or signer
            self._diverters[token.header] = signer
        return self._diverters[token.header]

    def _signer_of(self, token: _Token, number: str) -> Signer | Failure:
        """The signer, if the token is theirs, fresh, and `number` is one they may sign for."""
        at, passport = token.header, token.passport
        failure = self._note(at, "address", address_fault(passport, token.info)) or self._note(
            at, "freshness", freshness_fault(passport, self._now)
        )
        if failure is not None:
            return failure
        found = self._certificate_of(passport.x5u)
        if isinstance(found, Pending):
            found = Failure(Reason.CERTIFICATE_PENDING, "the certificate is being fetched")
        if isinstance(found, Failure):
            self._note(at, "certificate", found)
            return found
        return (
            self._note(at, "certificate", certificate_fault(found, number, self._now))
            or self._note(at, "signature", signature_fault(passport, found))
            or self._note(at, "claims", claims_fault(passport, found))
            or found
        )

    def _note(self, header: int, check: str, failure: Failure | None) -> Failure | None:
        if self.steps is not None:
            self.steps.append(Step(header, check, failure))
        return failure


def _passed(passport: Passport, signer: Signer, way: Sequence[Diversion]) -> Attestation:
    detail = "no SHAKEN token: the signature has no level"
    if passport.ppt == SHAKEN:
        said = [f"diverted by {one.signer.spc} from {one.number}" for one in way]
        detail = printable(", ".join(said))
    return Attestation(
        level=_LEVELS[passport.attest] if passport.ppt == SHAKEN else Level.NONE,
        verification=Verification.PASSED,
        origin=ORIGIN,
        detail=detail,
        origid=printable(passport.origid, 64),
        signer=signer.spc,
        diverters=tuple([one.signer.spc for one in way]),
        x5u=passport.x5u,
    )


def _unproven(failure: Failure, passport: Passport) -> Attestation:
    return msgspec.structs.replace(_nothing(failure), x5u=printable(passport.x5u, 256))


def _nothing(failure: Failure) -> Attestation:
    return Attestation(
        verification=Verification.FAILED if failure.proves else Verification.NONE,
        origin=ORIGIN,
        detail=failure.detail,
        code=failure.code,
        reason=failure.reason.value,
    )
