"""What is known of each x5u, in bounded memory; fetches nothing and reads no clock.

Three shelves, each with its own bound, so that strangers never crowd out what is of use. Anybody
may copy an honest signer's certificate to addresses without end, and each is a valid one; but only
who has the key can sign a token that names such an address. A signer whose signature held is
proven.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from ringfence.attestation.certificate import Signer
from ringfence.attestation.failure import Failure

MAX_PROVEN = 4_096
MAX_NEW = 1_024
MAX_FAILED = 4_096

REFRESH_SECONDS = 86_400.0
LEAD_SECONDS = 3_600.0
"""Before it expires a certificate is fetched again: so long, or in its last quarter."""
LEAST_SECONDS = 60.0
FAILED_SECONDS = 30.0
FAILED_MOST = 900.0
LATE_MOST = 3_600.0

T = TypeVar("T")


@dataclass(slots=True)
class Held:
    """A signer in force. `fetched` is when it came, `due` when it is to be fetched again, `used`
    when a call last asked, `doubted` when a signature last failed; all in Unix seconds."""

    signer: Signer
    fetched: float
    due: float
    used: float
    late: int = 0
    doubted: float = 0.0

    def put_off(self, now: float) -> None:
        """It could not be fetched again: later, and later each time."""
        self.due = now + min(LEAST_SECONDS * 2**self.late, LATE_MOST)
        self.late = min(self.late + 1, 16)


@dataclass(slots=True)
class Missed:
    """Why there is no signer, until when nobody tries again, and how often it was so."""

    failure: Failure
    until: float
    times: int


class Memory:
    """By x5u. What was not asked for the longest goes first."""

    def __init__(
        self,
        most_proven: int = MAX_PROVEN,
        most_new: int = MAX_NEW,
        most_failed: int = MAX_FAILED,
    ) -> None:
        self._proven: OrderedDict[str, Held] = OrderedDict()
        self._new: OrderedDict[str, Held] = OrderedDict()
        self._missed: OrderedDict[str, Missed] = OrderedDict()
        self._most = (most_proven, most_new, most_failed)

    def held(self, x5u: str, now: float) -> Held | None:
        """The signer, if it is in force."""
        for shelf in (self._proven, self._new):
            if (held := shelf.get(x5u)) is not None:
                if now < held.signer.not_after:
                    shelf.move_to_end(x5u)
                    return held
                del shelf[x5u]
        return None

    def missed(self, x5u: str, now: float) -> Failure | None:
        """Why there is none, while nobody tries again."""
        missed = self._missed.get(x5u)
        # Beyond the bound only after a clock that was ahead has been set right.
        if missed is None or not now < missed.until <= now + FAILED_MOST:
            return None
        return missed.failure

    def hold(self, x5u: str, signer: Signer, fetched: float, used: float) -> None:
        """From now on this is the signer; `used` counts where there was none before."""
        before = self._proven.get(x5u) or self._new.get(x5u)
        held = Held(signer, fetched, _due(signer, fetched), before.used if before else used)
        self._missed.pop(x5u, None)
        if x5u in self._proven:
            _put(self._proven, x5u, held, self._most[0])
        else:
            _put(self._new, x5u, held, self._most[1])

    def prove(self, x5u: str) -> bool:
        """A signature held. True where that was not known before."""
        held = self._new.pop(x5u, None)
        if held is None:
            return False
        _put(self._proven, x5u, held, self._most[0])
        return True

    def miss(self, x5u: str, failure: Failure, now: float) -> None:
        """There is no signer, and for a while nobody tries again: longer each time, unless it may
        be a fault of ours."""
        self.drop(x5u)
        before = self._missed.get(x5u)
        times = before.times if before and failure.proves else 0
        until = now + min(FAILED_SECONDS * 2**times, FAILED_MOST)
        _put(self._missed, x5u, Missed(failure, until, min(times + 1, 16)), self._most[2])

    def drop(self, x5u: str) -> None:
        """The signer is no longer in force."""
        self._proven.pop(x5u, None)
        self._new.pop(x5u, None)

    def forgive(self) -> None:
        """What failed may go well now."""
        self._missed.clear()

    def all(self) -> Iterator[tuple[str, Held]]:
        """The signers as they are now, whatever happens to them meanwhile."""
        yield from [*self._proven.items(), *self._new.items()]

    def sizes(self) -> tuple[int, int, int]:
        """How many are proven, new, failed."""
        return len(self._proven), len(self._new), len(self._missed)


def _due(signer: Signer, fetched: float) -> float:
    lead = min(LEAD_SECONDS, (signer.not_after - fetched) / 4)
    return max(fetched + LEAST_SECONDS, min(fetched + REFRESH_SECONDS, signer.not_after - lead))


def _put(shelf: OrderedDict[str, T], x5u: str, value: T, most: int) -> None:
    shelf[x5u] = value
    shelf.move_to_end(x5u)
    while len(shelf) > most:
        shelf.popitem(last=False)
