"""The signer behind each x5u: from memory for a call, and what is missing is fetched behind it.

Knows nothing of tokens or rules. `get` never waits and `wait` never longer than it is told; all
else happens in tasks of the store's own. What must be done from time to time is `upkeep`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ringfence.attestation.certificate import Signer, validate
from ringfence.attestation.failure import PENDING, Failure, Pending, Reason, printable
from ringfence.attestation.x5u import fault_of
from ringfence.certificates.anchors import AnchorFiles, Anchors
from ringfence.certificates.disk import Kept
from ringfence.certificates.fetch import FetchFailed, Unreachable
from ringfence.certificates.lane import LaneFull
from ringfence.certificates.location import BadLocation
from ringfence.certificates.memory import Held, Memory
from ringfence.certificates.revocation import RevocationLists
from ringfence.certificates.source import Read, Source

log = structlog.get_logger(__name__)

Found = Signer | Failure | Pending

NO_ROOTS = "set attestation.roots"
MAX_FLIGHTS = 1_024
DOUBT_SECONDS = 600.0
"""How often a signature that does not hold may cause a fetch of what is known already."""
COMPLAIN_SECONDS = 60.0


class CertificateStore:
    """One for each process. `strangers` and `known` come from the same places, but those that are
    known never wait behind what strangers name."""

    def __init__(
        self,
        memory: Memory,
        strangers: Source,
        known: Source,
        anchors: AnchorFiles,
        lists: RevocationLists,
        clock: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._strangers = strangers
        self._known = known
        self._anchors = anchors
        self._lists = lists
        self._clock = clock
        self._flights: dict[str, asyncio.Task[None]] = {}
        self._complained = 0.0

    @property
    def problem(self) -> str:
        """What is wrong with the trust roots, in one line; "" where nothing is."""
        return self._anchors.problem(self._clock())

    def get(self, x5u: str, now: float) -> Found:
        """The signer, why there is none, or PENDING: then it is being fetched. Never waits."""
        held = self._memory.held(x5u, now)
        if held is not None:
            held.used = now
            if now >= held.due:
                self.fetch(x5u, held)
            return held.signer
        missed = self._missed(x5u, now)
        if missed is None:
            self.fetch(x5u)
            return PENDING
        return missed

    async def wait(self, x5u: str, seconds: float) -> Found:
        """As `get`; where it is being fetched, after at most so many seconds."""
        found = self.get(x5u, self._clock())
        flight = self._flights.get(x5u)
        if not isinstance(found, Pending) or flight is None or seconds <= 0:
            return found
        # Not the flight itself is awaited: whoever hangs up in the middle must not end it.
        await asyncio.wait((flight,), timeout=seconds)
        now = self._clock()
        held = self._memory.held(x5u, now)
        return held.signer if held else self._missed(x5u, now) or PENDING

    def proved(self, x5u: str) -> None:
        """A signature held: a signer who is of use, and whom strangers must not crowd out."""
        if self._memory.prove(x5u):
            self._known.prove(x5u)

    def doubted(self, x5u: str, now: float) -> None:
        """A signature did not hold. The signer may have put a new certificate there."""
        held = self._memory.held(x5u, now)
        if held is not None and now - max(held.fetched, held.doubted) >= DOUBT_SECONDS:
            held.doubted = now
            self.fetch(x5u, held)

    def fetch(self, x5u: str, held: Held | None = None) -> None:
        """See to it that it is fetched, again where it is held; once, however often it is asked."""
        if x5u in self._flights or len(self._flights) >= MAX_FLIGHTS:
            return
        flight = asyncio.create_task(self._fly(x5u, held))
        self._flights[x5u] = flight
        flight.add_done_callback(lambda _: self._flights.pop(x5u, None))

    async def settled(self) -> None:
        """When this returns, what was being fetched is here or cannot be had."""
        if self._flights:
            await asyncio.wait(self._flights.values())

    async def restore(self, kept: Kept, *, proven: bool) -> None:
        """Take what lies on disk into memory, if it is good."""
        anchors = self._anchors.current
        found = await self._read(kept, anchors)
        now = self._clock()
        if (
            isinstance(found, Signer)
            and anchors is self._anchors.current
            and self._memory.held(kept.address, now) is None
        ):
            # No call has asked for it yet, for all we know.
            fetched = min(kept.at, now)
            self._memory.hold(kept.address, found, fetched, fetched)
            if proven:
                self._memory.prove(kept.address)

    async def close(self) -> None:
        """End what is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._lists.close()
        self._known.threads.close()

    def _missed(self, x5u: str, now: float) -> Failure | None:
        if self._anchors.current.roots.store is None:
            return Failure(Reason.NO_TRUST_ROOTS, self._anchors.problem(now) or NO_ROOTS)
        if (missed := self._memory.missed(x5u, now)) is not None:
            return missed
        fault = fault_of(x5u)
        return Failure(Reason.BAD_X5U, fault) if fault else None

    async def _fly(self, x5u: str, held: Held | None) -> None:
        anchors = self._anchors.current
        fetched = 0.0

        async def read(kept: Kept) -> Signer | Failure:
            nonlocal fetched
            fetched = kept.at
            return await self._read(kept, anchors)

        try:
            found = await self._obtain(x5u, held, read)
        except LaneFull:
            self._complain()
            return
        except Unreachable as error:
            # As for a call that came too early: none is held to be forged for our own network.
            found = Failure(Reason.CERTIFICATE_PENDING, str(error))
        except (FetchFailed, BadLocation) as error:
            found = Failure(Reason.NO_CERTIFICATE, str(error))
        except Exception as error:
            # A fault of ours. It counts as a failure, or it would be tried again with each call.
            log.exception("certificate not fetched", x5u=printable(x5u))
            found = Failure(Reason.CERTIFICATE_PENDING, f"{type(error).__name__}, see the log")
        now = self._clock()
        if anchors is not self._anchors.current:
            return  # judged by roots that are no longer in force: the next call asks anew
        if isinstance(found, Signer):
            log.debug("certificate in force", x5u=x5u, signer=found.spc)
            self._memory.hold(x5u, found, min(fetched, now), now)
        elif held is None:
            log.debug("no certificate", x5u=x5u, reason=found.reason, detail=found.detail)
            self._memory.miss(x5u, found, now)
        else:
            log.warning("certificate not renewed", x5u=x5u, reason=found.detail or found.reason)
            held.put_off(now)

    async def _obtain(self, x5u: str, held: Held | None, read: Read[Signer]) -> Signer | Failure:
        if held is not None:
            return await self._known.obtain(x5u, held.fetched, read)
        kept = await self._strangers.kept(x5u)
        if kept is not None:
            found = await read(kept)
            if isinstance(found, Signer):
                return found
        return await self._strangers.obtain(x5u, kept.at if kept else 0.0, read)

    async def _read(self, kept: Kept, anchors: Anchors) -> Signer | Failure:
        now = self._clock()
        found = await self._known.threads.run(lambda: validate(kept.body, anchors.roots, now))
        if isinstance(found, Failure):
            return found
        await self._lists.ready(found)
        return self._lists.judge(found) or found

    def _complain(self) -> None:
        now = self._clock()
        if now - self._complained >= COMPLAIN_SECONDS:
            self._complained = now
            log.warning("too many unknown certificates at once", being_fetched=len(self._flights))
