"""The revocation lists that signers' certificates name, kept current; decides who is taken back.

Knows nothing of calls. A list is trusted as its signer is, and a signer's certificate is only ever
judged by the lists that it names itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ringfence.attestation.certificate import Signer, revoked
from ringfence.attestation.failure import Failure, Reason, printable
from ringfence.attestation.revocation import CrlError, Revocations, read_revocations
from ringfence.certificates.anchors import Anchors
from ringfence.certificates.disk import Kept
from ringfence.certificates.fetch import FetchFailed
from ringfence.certificates.lane import LaneFull
from ringfence.certificates.location import BadLocation
from ringfence.certificates.source import Source

log = structlog.get_logger(__name__)

Policy = Literal["check", "require", "off"]
Chain = tuple[x509.Certificate, ...]
Key = tuple[str, bytes]
"""Where a list is, and whom it is good for: b"" for all, as one who is trusted with it signed it;
else the fingerprint of the authority that signed it, whose word on others' certificates counts
for nothing."""
FOR_ALL = b""

MAX_LISTS = 256
FRESH_SECONDS = 3_600.0
"""A list is fetched again after this, and before it says that the next one is out."""
RETRY_SECONDS = 60.0
GRACE_SECONDS = 86_400.0
"""Where lists are required, one may be so much older than it says: its server may be away."""


class _Listed:
    """One list as it is known, and when it is to be fetched again."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.revocations: Revocations | None = None
        self.fetched = 0.0
        self.due = 0.0


class _Read(NamedTuple):
    revocations: Revocations
    is_for_all: bool


class RevocationLists:
    """By address, and by who issued the certificates that name it."""

    def __init__(
        self,
        source: Source,
        anchors: Callable[[], Anchors],
        clock: Callable[[], float],
        policy: Policy,
    ) -> None:
        self._source = source
        self._anchors = anchors
        self._clock = clock
        self._policy = policy
        self._lists: OrderedDict[Key, _Listed] = OrderedDict()
        self._fetching: dict[Key, asyncio.Task[None]] = {}
        self._changed = False

    async def ready(self, signer: Signer) -> None:
        """When this returns, the signer's lists are here or cannot be had. As long as a fetch."""
        if self._policy == "off":
            return
        now = self._clock()
        tasks = [
            self._start(key, signer.chain)
            for key in self._keys(signer)
            if key not in self._lists or now >= self._lists[key].due
        ]
        if tasks:
            await asyncio.wait(tasks)

    def judge(self, signer: Signer) -> Failure | None:
        """Why the signer does not count by its lists; at once, from memory."""
        if self._policy == "off":
            return None
        known: list[Revocations] = []
        missing = not signer.crls
        for key in self._keys(signer):
            listed = self._lists.get(key)
            revocations = listed.revocations if listed else None
            if revocations is None:
                missing = True
            else:
                known.append(revocations)
                missing = missing or self._is_old(revocations)
        failure = revoked(signer.chain, known)
        if failure is None and missing and self._policy == "require":
            said = "its revocation list cannot be had" if signer.crls else "no revocation list"
            return Failure(Reason.UNTRUSTED, said)
        return failure

    async def refresh(self) -> bool:
        """Fetch again what is due. True where signers are to be judged anew: by a list that has
        changed since the last time, whoever asked for it."""
        now = self._clock()
        due = [(key, listed) for key, listed in self._lists.items() if now >= listed.due]
        tasks = [self._start(key, listed.chain) for key, listed in due]
        if tasks:
            await asyncio.wait(tasks)
        changed, self._changed = self._changed, False
        return changed

    def forget(self) -> None:
        """Whoever signed them may not be trusted any more."""
        self._lists.clear()

    async def close(self) -> None:
        """End what is under way."""
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    def _keys(self, signer: Signer) -> Sequence[Key]:
        """Where the signer's lists stand, or will."""
        issuer = _fingerprint(signer.chain)
        return [
            (address, FOR_ALL if (address, FOR_ALL) in self._lists else issuer)
            for address in signer.crls
        ]

    def _is_old(self, revocations: Revocations) -> bool:
        update = revocations.next_update
        return update is not None and self._clock() > update + GRACE_SECONDS

    def _start(self, key: Key, chain: Chain) -> asyncio.Task[None]:
        if key not in self._fetching:
            task = asyncio.create_task(self._fetch(key, chain))
            self._fetching[key] = task
            task.add_done_callback(lambda _: self._fetching.pop(key, None))
        return self._fetching[key]

    async def _fetch(self, key: Key, chain: Chain) -> None:
        address, _ = key
        anchors = self._anchors()
        listed = self._lists.get(key) or _Listed(chain)

        async def read(kept: Kept) -> _Read | Failure:
            try:
                return await self._source.threads.run(lambda: self._read(kept, anchors, chain))
            except CrlError as error:
                return Failure(Reason.NO_CERTIFICATE, str(error))

        # Another worker's will do, if it is new enough.
        than = max(listed.fetched, self._clock() - FRESH_SECONDS)
        found: _Read | Failure
        try:
            found = await self._source.obtain(address, than, read)
        except (FetchFailed, LaneFull, BadLocation) as error:
            found = Failure(Reason.NO_CERTIFICATE, str(error) or "too many fetches wait")
        now = self._clock()
        if isinstance(found, Failure):
            log.warning(
                "no revocation list", address=printable(address), reason=printable(found.detail)
            )
            listed.due = now + RETRY_SECONDS
            # One that is required may have become too old.
            self._changed = self._changed or self._policy == "require"
            kept = None if listed.revocations else await self._source.kept(address)
            # Whom an old one names is taken back all the same.
            found = await read(kept) if kept else found
        else:
            listed.fetched = now
            update = found.revocations.next_update or now + FRESH_SECONDS
            listed.due = max(now + RETRY_SECONDS, min(now + FRESH_SECONDS, update))
        if not isinstance(found, Failure):
            self._changed = self._changed or listed.revocations != found.revocations
            listed.revocations = found.revocations
            self._lists.pop(key, None)
            key = address, FOR_ALL if found.is_for_all else _fingerprint(chain)
        if anchors is self._anchors():
            self._lists[key] = listed
            self._lists.move_to_end(key)
            while len(self._lists) > MAX_LISTS:
                self._lists.popitem(last=False)

    def _read(self, kept: Kept, anchors: Anchors, chain: Chain) -> _Read:
        now, trusted = self._clock(), (*anchors.roots.certificates, *anchors.issuers)
        try:
            return _Read(read_revocations(kept.body, now, trusted=trusted), True)
        except CrlError:
            others = chain[1:2]
            return _Read(read_revocations(kept.body, now, trusted=(), others=others), False)


def _fingerprint(chain: Chain) -> bytes:
    """Of who issued the signer's certificate."""
    return (chain[1:] or chain)[0].fingerprint(SHA256())
