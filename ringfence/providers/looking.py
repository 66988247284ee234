"""What a worker must know to keep deadlines, read from Redis; decides and writes nothing.

A worker looks every second and screens calls in between: what has not changed since the last look
is not decoded again, and what is decoded is so in small pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from ringfence.providers.model import Provider, decode_provider
from ringfence.providers.notice import Notice
from ringfence.providers.progress import Known
from ringfence.providers.register import with_providers
from ringfence.store.reader import Reader
from ringfence.store.turns import Turns
from ringfence.trunk import decode_trunk

T = TypeVar("T")


class Texts(Generic[T]):
    """A hash's entries, decoded; `refused` has those that are not in order, with the reason."""

    def __init__(self, decode: Callable[[str, bytes], T]) -> None:
        self._decode = decode
        self._known: dict[str, tuple[bytes, T | None]] = {}
        self.refused: dict[str, str] = {}

    async def decoded(self, texts: Mapping[str, bytes]) -> dict[str, T]:
        """The good ones of `texts`, which is all that there is now."""
        turns = Turns()
        self.refused = {id: why for id, why in self.refused.items() if id in texts}
        known = {}
        for id, text in texts.items():
            entry = self._known.get(id)
            if entry is None or entry[0] != text:
                entry = text, self._read(id, text)
                await turns.give()
            known[id] = entry
        self._known = known
        return {id: value for id, (_, value) in known.items() if value is not None}

    def _read(self, id: str, text: bytes) -> T | None:
        try:
            value = self._decode(id, text)
        except ValueError as error:
            self.refused[id] = str(error)
            return None
        self.refused.pop(id, None)
        return value


class Register(NamedTuple):
    """The providers that are in order, and the trunks of each."""

    providers: Mapping[str, Provider]
    trunks: Mapping[str, tuple[str, ...]]

    def known(self, id: str) -> Known:
        """What a notice against this provider goes by."""
        return Known(self.providers.get(id), self.trunks.get(id, ()))


NOBODY = Register({}, {})


class RegisterReader:
    """Reads the register of providers and the trunks, as they stand."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._providers = Texts(decode_provider)
        self._trunks = Texts(decode_trunk)

    async def read(self) -> Register:
        """All of it, as it is now."""
        providers = await self._providers.decoded(await self._reader.providers())
        trunks = await self._trunks.decoded(await self._reader.trunks())
        theirs = defaultdict[str, list[str]](list)
        for name, trunk in with_providers(trunks, providers).items():
            theirs[trunk.provider].append(name)
        return Register(providers, {id: tuple(sorted(names)) for id, names in theirs.items()})


Open = Mapping[str, tuple[Notice, bytes]]
"""Open notices by id, each with its text as it stands in Redis."""
