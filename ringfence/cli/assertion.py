"""The attestation that somebody says a call has, instead of headers that would show it."""

from __future__ import annotations

from ringfence.attestation import Attestation, Failure, Level, Reason, Verification


def asserted(
    level: str,
    verification: str,
    *,
    origin: str,
    prefix: str = "",
    signer: str = "",
    origid: str = "",
    reason: str = "",
    diverters: tuple[str, ...] = (),
) -> Attestation | None:
    """None where nothing is said. A level, a signer, a diverter or an origid alone means that the
    signature held; a reason, that it did not, or that there was none to check.

    `origin` says who says so. ValueError names what to leave out, with `prefix` in front of it.
    """
    if not (level or verification or signer or origid or reason or diverters):
        return None
    failure = Failure(Reason(reason)) if reason else None
    proof = _proof(level, signer, origid, " ".join(diverters))
    if failure is not None:
        implied = Verification.FAILED if failure.proves else Verification.NONE
    else:
        implied = Verification.PASSED if proof else Verification.NONE
    held = Verification(verification) if verification else implied
    if proof and (held is not Verification.PASSED or failure is not None):
        name, value = proof
        why = f"reason is {reason}" if failure is not None else f"verification is {held}"
        raise ValueError(
            f"a call whose {why} has no {_NAMES[name]}: leave out {prefix}{name} {value}"
        )
    if failure is not None and held is not implied:
        raise ValueError(
            f"where the reason is {reason}, verification is {implied}: leave out "
            f"{prefix}verification {held}"
        )
    return Attestation(
        Level(level or "none"),
        held,
        origin,
        origid=origid,
        signer=signer,
        code=failure.code if failure else 0,
        reason=reason,
        diverters=diverters,
    )


_NAMES = {"attestation": "level", "signer": "signer", "origid": "origid",
          "diverter": "diverter"}  # fmt: skip


def _proof(level: str, signer: str, origid: str, diverter: str) -> tuple[str, str] | None:
    """What only a signature that held can show."""
    given = {"attestation": level if level != "none" else "", "signer": signer, "origid": origid,
             "diverter": diverter}  # fmt: skip
    return next(((name, value) for name, value in given.items() if value), None)
