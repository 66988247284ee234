"""What is known of a caller's authentication (STIR/SHAKEN), from whom, and whether it holds.

`model` has the one `Attestation` of a call; `trust` takes it from what Asterisk verified and
from the headers of carriers that the admin trusts. Nothing here decides about a call: a valid
attestation says who signed, not that the call is wanted.
"""

from ringfence.attestation.model import UNKNOWN, Attestation, Level, Verification
from ringfence.attestation.trust import attest

__all__ = ["UNKNOWN", "Attestation", "Level", "Verification", "attest"]
