"""Reads hashes of JSON and number lists from Redis in bounded pages; decides nothing about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError, WatchError

from ringfence.store.keys import Keys
from ringfence.store.mirror.mirrored_list import Filling, StreamId
from ringfence.store.mirror.shelf import MAX_ID_BYTES, MAX_VALUE_BYTES, Field

FIELDS_AT_ONCE = 1_000
"""A page of a hash: some 2 ms during which Redis serves nobody else."""
FIELDS_IN_ONE_STEP = 20_000
BYTES_IN_ONE_STEP = 16_000_000
"""A hash up to this size is read as a whole, which takes Redis some 3 ms for each 10,000 fields."""
MEMBERS_AT_ONCE = 1_000
"""A page of a list is put in force in a millisecond or two: calls go on between pages."""
DATED_AT_ONCE = 500
"""Each of these may have an expiry of its own, which takes longer."""


class WrongType(Exception):  # noqa: N818 - what Redis says
    """A key is of another type than the contract has it; one line says what to do."""


class NotReady(Exception):  # noqa: N818 - a state
    """A Redis that answers but has no complete data; one line says why."""


class HashPart(NamedTuple):
    """Fields of a hash, and where to go on; an empty `cursor`: that was all. Of two reads the one
    with the greater `at`, the server's time, was later; 0 where it is not told.

    Fields are made one by one as they are asked for: all at once would keep calls waiting."""

    cursor: bytes
    at: int
    fields: Iterator[Field]


class Probe(NamedTuple):
    """A list's type and size, and up to where the stream of changes had come at that moment."""

    as_of: StreamId
    type: str
    size: int


class ReadScript:
    """A script that only reads, also for a user whose ACL lets him do no more."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis: Any = redis
        self._text = (files("ringfence.store") / "scripts" / name).read_text()
        self._script: Any = redis.register_script(self._text)
        self._only_reads = False

    async def __call__(self, keys: list[str], args: Sequence[bytes | str | int] = ()) -> Any:
        if not self._only_reads:
            try:
                return await self._script(keys=keys, args=args)
            except NoPermissionError:
                # EVALSHA asks for write access to its keys. EVAL_RO does not, and is younger
                # (Redis 7), so it comes second.
                self._only_reads = True
        return await self._redis.eval_ro(self._text, len(keys), *keys, *args)


class Loader:
    """The reads of one mirror."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._scan_hash = ReadScript(redis, "scan_hash.lua")
        self._read_fields = ReadScript(redis, "read_fields.lua")
        self._probe_list = ReadScript(redis, "probe_list.lua")

    async def check_ready(self) -> None:
        """Raise `NotReady` where this is a replica that has not its primary's data.

        One that never synchronised looks like an empty Redis, and would take all rules out.
        """
        try:
            role: Any = await cast("Any", self._redis).execute_command("ROLE")
        except ResponseError:
            return  # an ACL may deny it, and old servers do not know it
        if role[0] == b"slave" and role[3] != b"connected":
            raise NotReady(f"a replica that is not in step with its primary ({role[3].decode()})")

    async def run_id(self) -> str:
        """What tells this run of the server from another; "" where we may not know."""
        try:
            return str((await self._redis.info("server")).get("run_id", ""))
        except ResponseError:
            return ""

    async def newest_change(self) -> StreamId:
        """The place of the newest announcement."""
        try:
            found: Any = await self._redis.xrevrange(self._keys.changes, count=1)
        except ResponseError as error:
            raise _clear(error, self._keys.changes) from None
        return StreamId.parse(found[0][0]) if found else StreamId(0, 0)

    async def is_empty(self) -> bool:
        """Whether none of the keys that changes leave behind is there."""
        keys = self._keys
        hashes = (keys.rules, keys.trunks, keys.callees, keys.providers)
        return not await self._redis.exists(*hashes, keys.changes)

    async def list_names(self) -> set[bytes]:
        """What follows the list prefix in any key there is."""
        pattern = "".join(f"\\{c}" if c in "*?[]\\^" else c for c in self._keys.list_prefix) + "*"
        start = len(self._keys.list_prefix)
        return {key[start:] async for key in self._redis.scan_iter(match=pattern, count=1_000)}

    async def whole_hash(self, key: str) -> HashPart | None:
        """All fields of a hash as they are in one moment; None where it is too large for that."""
        redis: Any = self._redis
        try:
            if await redis.hlen(key) > FIELDS_IN_ONE_STEP:
                return None
            # 100 MB written by mistake never travel; 0 samples: each field counts
            if (await redis.memory_usage(key, samples=0) or 0) > BYTES_IN_ONE_STEP:
                return None
        except NoPermissionError:
            return None
        except ResponseError as error:
            raise _clear(error, key) from None
        async with redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("TIME")
            pipe.execute_command("HGETALL", key)
            time, found = await pipe.execute(raise_on_error=False)
        if isinstance(found, NoPermissionError):
            return None
        if isinstance(found, Exception):
            raise _clear(found, key) if isinstance(found, ResponseError) else found
        at = 0 if isinstance(time, Exception) else time[0] * 1_000_000 + time[1]
        pairs = (
            found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        )
        return HashPart(b"", at, (_field(id, value, len(value)) for id, value in pairs))

    async def hash_part(self, key: str, cursor: bytes = b"0") -> HashPart:
        """Some fields of a hash as they are in one moment."""
        arguments: list[bytes | str | int] = [cursor, FIELDS_AT_ONCE, MAX_VALUE_BYTES, MAX_ID_BYTES]
        try:
            cursor, at, found = await self._scan_hash(keys=[key], args=arguments)
        except ResponseError as error:
            raise _clear(error, key) from None
        triples = zip(found[::3], found[1::3], found[2::3], strict=True)
        return HashPart(
            b"" if int(cursor) == 0 else cursor, at, (_field(*triple) for triple in triples)
        )

    async def hash_pages(self, key: str) -> AsyncIterator[Iterator[Field]]:
        """All fields of a hash, each as it is when its page is read."""
        cursor = b"0"
        while cursor:
            cursor, _, fields = await self.hash_part(key, cursor)
            yield fields

    @asynccontextmanager
    async def watching(self, key: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
        """Gives what tells, once, whether `key` was left alone from here on until that moment."""
        async with self._redis.pipeline(transaction=True) as open_pipe:
            pipe: Any = open_pipe
            await pipe.watch(key)

            async def unchanged() -> bool:
                pipe.multi()
                pipe.exists(key)
                try:
                    await pipe.execute()
                except WatchError:
                    return False
                return True

            yield unchanged

    async def hash_fields(self, key: str, ids: Sequence[str]) -> tuple[int, list[Field | None]]:
        """When it was, as in `HashPart`, and these fields; None for one that is not there."""
        try:
            at, values = await self._read_fields(keys=[key], args=ids)
        except ResponseError as error:
            raise _clear(error, key) from None
        return at, [
            None if value is None else Field(id, value, len(value))
            for id, value in zip(ids, values, strict=True)
        ]

    async def probe(self, name: str) -> Probe:
        """What a list is right now."""
        keys = [self._keys.list(name), self._keys.changes]
        as_of, type, size = await self._probe_list(keys=keys)
        return Probe(StreamId.parse(as_of), type.decode(), size)

    async def fill(self, filling: Filling, name: str, type: str) -> None:
        """Read a list into `filling`. `WrongType` where it became something else meanwhile."""
        key, cursor = self._keys.list(name), 0
        while True:
            try:
                if type == "zset":
                    cursor, scored = await self._redis.zscan(key, cursor, count=DATED_AT_ONCE)
                    filling.put_scored(cast("list[tuple[bytes, float]]", scored))
                else:
                    cursor, members = await self._redis.sscan(key, cursor, count=MEMBERS_AT_ONCE)
                    filling.put(cast("list[bytes]", members))
            except ResponseError as error:
                raise _clear(error, key) from None
            if int(cursor) == 0:
                return


def _field(id: bytes, value: bytes, size: int) -> Field:
    small = size <= MAX_VALUE_BYTES and len(id) <= MAX_ID_BYTES
    return Field(id[:MAX_ID_BYTES].decode(errors="backslashreplace"), value if small else b"", size)


def _clear(error: ResponseError, key: str) -> Exception:
    if "WRONGTYPE" in str(error):
        return WrongType(f"{key} has a wrong type in Redis: see TYPE {key}, then DEL it")
    return error
