"""The mirror's state in one file, for a start while Redis is away; knows nothing of Redis.

Written beside and renamed, so that a reader sees the old file or the new one. A file that is
damaged, of another version or of another prefix is ignored with one log line.

The file: a line that names the version; blocks, each with its length in front, of which the first
is the `State` and each other one a part of a list; a digest of the blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from structlog.typing import FilteringBoundLogger

from ringfence.lists import NumberList
from ringfence.store.mirror.holdings import HASHES, Holdings
from ringfence.store.mirror.mirrored_list import MirroredList
from ringfence.store.mirror.shelf import Field
from ringfence.store.turns import Turns

MAGIC = b"ringfence snapshot 2\n"
DIGEST = 16
LENGTH = 4


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept, but for the lists. `at` is when it was true, in Unix seconds."""

    prefix: str
    at: float
    run_id: str
    rules: dict[str, bytes]
    trunks: dict[str, bytes]
    # not in the files of earlier versions
    callees: dict[str, bytes] = {}
    providers: dict[str, bytes] = {}


class Collected(NamedTuple):
    """A state and the parts of its lists by name."""

    state: State
    lists: dict[str, list[bytes]]


async def collect(held: Holdings, prefix: str, at: float) -> Collected:
    """What is held now. Calls go on meanwhile; a change of a list may be in it or not yet."""
    state = State(
        prefix=prefix,
        at=at,
        run_id=held.run_id,
        **{name: dict(held.shelves[name].texts) for name in HASHES},
    )
    lists: dict[str, list[bytes]] = {}
    turns = Turns()
    for name, each in list(held.lists.items()):
        lists[name] = parts = []
        for part in each.numbers.dump():
            parts.append(part)
            await turns.give()
    return Collected(state, lists)


async def restore(held: Holdings, collected: Collected) -> None:
    """Put what was collected in force. Before any call, so that it takes no turns."""
    state, lists = collected
    loaded = {name: NumberList.load(name, parts) for name, parts in lists.items()}
    for kind in HASHES:
        for id, text in getattr(state, kind).items():
            held.shelves[kind].offer(Field(id, text, len(text)))
    for name, numbers in loaded.items():
        held.lists[name] = MirroredList(name)
        held.lists[name].numbers = numbers
    held.run_id = state.run_id
    for kind in HASHES:
        await held.publish(kind)
    held.publish_lists()


class SnapshotFile:
    """One snapshot in the state directory. Blocking: the mirror calls it in a thread."""

    def __init__(self, state_dir: Path, log: FilteringBoundLogger) -> None:
        self.path = state_dir / "mirror.snapshot"
        self._log = log

    def save(self, collected: Collected) -> None:
        """Write it, on the disk for good when this returns. OSError where that fails."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".mirror.", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                digest = hashlib.blake2b(digest_size=DIGEST)
                file.write(MAGIC)
                for block in _blocks(collected):
                    digest.update(block)
                    file.write(block)
                file.write(digest.digest())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def load(self, prefix: str) -> Collected | None:
        """What was saved under this prefix; None where there is none to be used."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._ignore(error.strerror or "unreadable")
            return None
        if not data.startswith(MAGIC):
            self._ignore("it is of another version or no snapshot")
            return None
        body = memoryview(data)[len(MAGIC) : -DIGEST]
        if hashlib.blake2b(body, digest_size=DIGEST).digest() != data[-DIGEST:]:
            self._ignore("it is damaged")
            return None
        try:
            state, lists = _read(body)
        except (ValueError, StopIteration) as error:
            self._ignore(str(error))
            return None
        if state.prefix != prefix:
            self._ignore(f"it is of the prefix {state.prefix}")
            return None
        return Collected(state, lists)

    def _ignore(self, reason: str) -> None:
        self._log.warning("the snapshot is ignored", file=str(self.path), reason=reason)


def _blocks(collected: Collected) -> Iterator[bytes]:
    yield _framed(msgspec.msgpack.encode(collected.state))
    for name, parts in collected.lists.items():
        for part in parts:
            yield _framed(msgspec.msgpack.encode((name, part)))


def _framed(block: bytes) -> bytes:
    return len(block).to_bytes(LENGTH) + block


def _unframed(body: memoryview) -> Iterator[memoryview]:
    while body:
        end = LENGTH + int.from_bytes(body[:LENGTH])
        yield body[LENGTH:end]
        body = body[end:]


def _read(body: memoryview) -> Collected:
    blocks = _unframed(body)
    state = msgspec.msgpack.decode(next(blocks), type=State)
    lists: defaultdict[str, list[bytes]] = defaultdict(list)
    for block in blocks:
        name, part = msgspec.msgpack.decode(block, type=tuple[str, bytes])
        lists[name].append(part)
    return Collected(state, lists)
