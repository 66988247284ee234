"""Every change of a dispute, and of the list of callers whose blocking one ended, in one step.

Knows keys and scripts; not what a dispute says nor who may end one.
"""

from __future__ import annotations

from typing import ClassVar, cast

from ringfence.store.writing.fields import Moved
from ringfence.store.writing.list_writer import canonical
from ringfence.store.writing.scripting import Argument, Scripts

KIND = "dispute"


class DisputeWriter(Scripts):
    """Writes disputes. `Moved` where one is no more what it `was` (None: it is to be new)."""

    NAMES: ClassVar[tuple[str, ...]] = ("set_field", "release")

    async def put(self, id: str, was: bytes | None, text: bytes, op: str = "set") -> None:
        """Keep a dispute."""
        mode = "new" if was is None else "was"
        arguments: list[Argument] = [KIND, id, text, f"{KIND}:{id}", op, mode, was or b""]
        done = await self._run("set_field", self._hash_keys(), arguments, {})
        _check(id, done)

    async def release(self, id: str, was: bytes, text: bytes, op: str, name: str, n: str) -> None:
        """Keep a dispute, and put number `n` on the list `name`."""
        await self._release(id, was, text, op, name, "add", n)

    async def hold(self, id: str, was: bytes, text: bytes, op: str, name: str, n: str) -> None:
        """Keep a dispute, and take number `n` off the list `name`."""
        await self._release(id, was, text, op, name, "remove", n)

    async def _release(
        self, id: str, was: bytes, text: bytes, op: str, name: str, way: str, number: str
    ) -> None:
        (entry,) = canonical([number])
        arguments: list[Argument] = [id, was, text, op, name, way, entry]
        keys = [*self._hash_keys(), self._keys.list(name)]
        _check(id, await self._run("release", keys, arguments, {}))

    def _hash_keys(self) -> list[str]:
        keys = self._keys
        return [keys.disputes, keys.changes, keys.rejected, keys.history]


def _check(id: str, done: object) -> None:
    said = cast("bytes", done).decode()
    if said == "moved":
        raise Moved(f"dispute {id} was changed by somebody else meanwhile: try again")
    if said == "exists":
        raise Moved(f"dispute {id} exists: try again")
