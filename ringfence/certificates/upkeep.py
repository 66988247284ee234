"""What is done for the certificates from time to time, behind the calls.

The trust roots are read again when they change, revocation lists and certificates in use are
fetched again before they are old, and the disk is tidied. Knows no call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import structlog

from ringfence.certificates.anchors import AnchorFiles
from ringfence.certificates.disk import DiskCache
from ringfence.certificates.memory import Memory
from ringfence.certificates.revocation import RevocationLists
from ringfence.certificates.store import CertificateStore
from ringfence.certificates.threads import Threads

log = structlog.get_logger(__name__)

WARM = 1_000
"""Certificates that are read from disk at the start. The others are when a call names them."""
LOOK_SECONDS = 5.0
TIDY_SECONDS = 3_600.0
USED_SECONDS = 86_400.0
"""What no call asked for in that time is not fetched again before one does."""
FORGET_SECONDS = 30 * 86_400.0
AT_ONE_GO = 64
"""Certificates that are looked at before calls have their turn."""


class Upkeep:
    """`run` it for as long as the process lasts."""

    def __init__(
        self,
        store: CertificateStore,
        memory: Memory,
        anchors: AnchorFiles,
        lists: RevocationLists,
        disks: Sequence[DiskCache],
        threads: Threads,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._memory = memory
        self._anchors = anchors
        self._lists = lists
        self._disks = disks
        self._threads = threads
        self._clock = clock
        self._tidied = 0.0
        self._is_warm = False

    async def run(self) -> None:
        """For ever. Begun again after a fault it reads the disk no second time."""
        if not self._is_warm:
            self._is_warm = True
            await self.warm()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def warm(self) -> None:
        """Take from disk what was of use, so that a restart costs no call its signature."""
        found = self._disks[0].newest(WARM)
        while kept := await self._threads.run(lambda: next(found, None)):
            await self._store.restore(kept[0], proven=kept[1])

    async def look(self) -> None:
        """One round."""
        now = self._clock()
        if await self._threads.run(lambda: self._anchors.look(now)):
            await self._trust_anew()
        if await self._lists.refresh():
            await self._judge_anew()
        for x5u, held in self._memory.all():
            if now >= held.due and now - held.used < USED_SECONDS:
                self._store.fetch(x5u, held)
        is_time = now - self._tidied >= TIDY_SECONDS
        self._tidied = now if is_time else self._tidied
        for disk in self._disks:
            if is_time or disk.is_crowded:
                await self._threads.run(partial(disk.prune, now, now - FORGET_SECONDS))

    async def _trust_anew(self) -> None:
        """A chain stays good while its root is trusted. What failed may have another root now."""
        roots = frozenset(self._anchors.current.roots.certificates)
        for x5u, held in self._memory.all():
            if held.signer.chain[-1] not in roots:
                self._memory.drop(x5u)
        self._memory.forgive()
        self._lists.forget()
        await asyncio.gather(*(self._lists.ready(held.signer) for _, held in self._memory.all()))
        await self._judge_anew()

    async def _judge_anew(self) -> None:
        held = self._memory.all()
        while some := list(islice(held, AT_ONE_GO)):
            for x5u, each in some:
                if failure := self._lists.judge(each.signer):
                    log.warning("certificate no longer counts", x5u=x5u, reason=failure.detail)
                    self._memory.miss(x5u, failure, self._clock())
            await asyncio.sleep(0)
