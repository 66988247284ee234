"""The mirror's state in one file, for a start while Redis is away; knows nothing of Redis.

Written beside and renamed, so that a reader sees the old file or the new one. A file that is
damaged, of another version or of another prefix is ignored with one log line.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import msgspec
from structlog.typing import FilteringBoundLogger

from ringfence.lists import NumberList
from ringfence.store.holdings import Holdings
from ringfence.store.mirrored_list import MirroredList
from ringfence.store.shelf import Field

MAGIC = b"ringfence snapshot 1\n"
DIGEST = 16


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept. `at` is when it was true, in Unix seconds."""

    prefix: str
    at: float
    run_id: str
    rules: dict[str, bytes]
    trunks: dict[str, bytes]
    lists: dict[str, bytes]


def collect(held: Holdings, prefix: str, at: float) -> State:
    """What is held now. Takes 2 ms a million numbers, all at once: a list must not change in it."""
    return State(
        prefix=prefix,
        at=at,
        run_id=held.run_id,
        rules=dict(held.rules.texts),
        trunks=dict(held.trunks.texts),
        lists={name: each.numbers.dump() for name, each in held.lists.items()},
    )


async def restore(held: Holdings, state: State) -> None:
    """Put a state in force."""
    for id, text in state.rules.items():
        held.rules.offer(Field(id, text, len(text)))
    for id, text in state.trunks.items():
        held.trunks.offer(Field(id, text, len(text)))
    for name, dumped in state.lists.items():
        each = held.lists[name] = MirroredList(name)
        each.numbers = NumberList.load(name, dumped)
    held.run_id = state.run_id
    await held.publish_rules()
    held.publish_trunks()
    held.publish_lists()


class SnapshotFile:
    """One snapshot in the state directory. Blocking: the mirror calls it in a thread."""

    def __init__(self, state_dir: Path, log: FilteringBoundLogger) -> None:
        self.path = state_dir / "mirror.snapshot"
        self._log = log

    def save(self, state: State) -> None:
        """Write it, on the disk for good when this returns. OSError where that fails."""
        body = msgspec.msgpack.encode(state)
        digest = hashlib.blake2b(body, digest_size=DIGEST).digest()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".mirror.", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in (MAGIC, digest, body):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def load(self, prefix: str) -> State | None:
        """The state that was saved under this prefix; None where there is none to be used."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._ignore(error.strerror or "unreadable")
            return None
        start = len(MAGIC) + DIGEST
        if not data.startswith(MAGIC):
            self._ignore("it is of another version or no snapshot")
            return None
        body = memoryview(data)[start:]
        if hashlib.blake2b(body, digest_size=DIGEST).digest() != data[len(MAGIC) : start]:
            self._ignore("it is damaged")
            return None
        try:
            state = msgspec.msgpack.decode(body, type=State)
        except msgspec.MsgspecError as error:
            self._ignore(str(error))
            return None
        if state.prefix != prefix:
            self._ignore(f"it is of the prefix {state.prefix}")
            return None
        return state

    def _ignore(self, reason: str) -> None:
        self._log.warning("the snapshot is ignored", file=str(self.path), reason=reason)
