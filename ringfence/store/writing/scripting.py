"""Runs the scripts that write, and says in one line what in Redis keeps one from running.

Owns what every such script is told (who, when, why); knows nothing of what a script does.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, ClassVar, Self

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ringfence.call import clean
from ringfence.store.keys import CHANGES_MAXLEN, HISTORY_BYTES, HISTORY_MAXLEN, Keys

Argument = str | bytes | int
MAX_WHY = 1_000


class WriteRefused(ValueError):  # noqa: N818 - the field's word: a write is refused
    """A write that does not fit what is in Redis; one line says what to do."""


class Scripts:
    """Writes in the name of `who`, which mirrors, logs and the history show with each change.

    `why` is the reason, for the next admin; the history keeps it.
    """

    BEGIN: ClassVar[tuple[str, ...]] = ("announce", "record", "ranges", "expired")
    """Stands in front of every script."""
    NAMES: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        who: str = "admin",
        clock: Callable[[], float] = time.time,
        *,
        why: str = "",
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._who = clean(who, 64)
        self._clock = clock
        self._why = clean(why, MAX_WHY)
        folder = files("ringfence.store") / "scripts"
        begin = "".join((folder / f"{name}.lua").read_text() for name in self.BEGIN)
        self._scripts = {
            name: redis.register_script(begin + (folder / f"{name}.lua").read_text())
            for name in self.NAMES
        }

    def signed(self, who: str, why: str = "") -> Self:
        """One that writes the same in another's name."""
        other = copy.copy(self)
        other._who, other._why = clean(who, 64), clean(why, MAX_WHY)
        return other

    async def _run(
        self,
        script: str,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        told: dict[str, str] | None,
    ) -> Any:
        """Run one. `told` is what the history is told besides; None: it is told nothing at all."""
        flat = [part for pair in self._told(told).items() if pair[1] for part in pair]
        common: list[Argument] = [
            self._who,
            f"{self._clock():.3f}",
            CHANGES_MAXLEN,
            b"" if told is None else msgspec.json.encode(flat),
            HISTORY_MAXLEN,
            HISTORY_BYTES,
        ]
        try:
            return await self._scripts[script](keys=list(keys), args=[*common, *arguments])
        except ResponseError as error:
            if "WRONGTYPE" in str(error):
                raise WriteRefused(
                    f"{keys[0]}, {self._keys.changes} or {self._keys.history} has a wrong type in "
                    "Redis: see TYPE, then DEL it"
                ) from None
            raise

    def _told(self, more: dict[str, str] | None) -> dict[str, str]:
        return {"why": self._why, **(more or {})}
