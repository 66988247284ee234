"""The way of a diverted call, from the number it came to back to the one its caller meant.

Pure (RFC 8946): each `div` token says that a call for its `div` now goes to its `dest`. The order
of the headers means nothing, as every token names both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ringfence.attestation.certificate import Signer
from ringfence.attestation.failure import Failure, Reason
from ringfence.attestation.passport import Passport


class Diversion(msgspec.Struct, frozen=True):
    """Who diverted the call, from which number."""

    signer: Signer
    number: str


def trace(
    called: str,
    meant: Sequence[str],
    tokens: Sequence[Passport],
    signer_of: Callable[[int], Signer | Failure],
) -> tuple[Diversion, ...] | Failure:
    """The diversions that lead from `called` to one of `meant`, the last one first.

    `signer_of` checks one of the tokens, and is asked once at most about each.
    """
    if called in meant:
        return ()
    ways: dict[str, tuple[Diversion, ...]] = {called: ()}
    waiting = [called]
    first: Failure | None = None
    used: set[int] = set()
    while waiting:
        number = waiting.pop(0)
        if number in meant:
            return ways[number]
        for at, token in enumerate(tokens):
            if at in used or number not in token.dest:
                continue
            used.add(at)
            signer = signer_of(at)
            if isinstance(signer, Failure):
                first = first or signer
            elif token.div and token.div not in ways:
                ways[token.div] = (*ways[number], Diversion(signer, token.div))
                waiting.append(token.div)
    if first is not None:
        return first
    if tokens:
        return Failure(Reason.BROKEN_DIVERSION, "the div tokens do not lead to the token's dest")
    return Failure(Reason.DEST_MISMATCH, "dest has not the called number")
