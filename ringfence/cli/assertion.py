"""The attestation that somebody says a call has, instead of headers that would show it."""

from __future__ import annotations

from ringfence.attestation import Attestation, Level, Verification


def asserted(level: str, verification: str, *, origin: str, field: str = "") -> Attestation | None:
    """None where nothing is said. A level alone means that its signature held.

    `origin` says who says so. ValueError names what to leave out, with `field` in front of it.
    """
    if not level and not verification:
        return None
    signed = level not in ("", "none")
    held = Verification(verification or ("passed" if signed else "none"))
    if signed and held is not Verification.PASSED:
        raise ValueError(
            f"a call whose verification is {held} has no level: leave out {field}{level}"
        )
    return Attestation(Level(level or "none"), held, origin)
