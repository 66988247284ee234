"""What is known of a caller's authentication (STIR/SHAKEN), from whom, and whether it holds.

model        the one `Attestation` of a call
failure      why a signature counts for nothing: the words that rules and records speak
trust        from what Asterisk verified, and from headers of carriers that the admin trusts
verifier     from the Identity headers themselves: `verify`
  identity, usual, parameters         a header's text taken apart
  compact, jws, passport              the token in it
  x5u, canonical                      addresses and numbers
  checks, diversion                   one token, and the way of a diverted call
certificate  from a certificate's bytes to the `Signer`: `validate`
  chain, roots, revocation            whom it leads back to, and whether it was taken back
  tnauthlist, constraints, der        what it may sign

All of it is pure: what must be fetched comes in, and so does the time. Nothing here decides about
a call: a valid attestation says who signed, not that the call is wanted.
"""

from ringfence.attestation.failure import PENDING, Failure, Pending, Reason
from ringfence.attestation.model import UNKNOWN, Attestation, Level, Verification
from ringfence.attestation.trust import attest

__all__ = [
    "PENDING",
    "UNKNOWN",
    "Attestation",
    "Failure",
    "Level",
    "Pending",
    "Reason",
    "Verification",
    "attest",
]
