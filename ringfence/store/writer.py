"""Every change that Ringfence makes to rules, lists and trunks: checked, atomic, announced.

Knows keys and scripts; nothing of who asks. What is not in order is refused before anything is
written. Each method is one script call, or one a batch of entries.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from itertools import islice
from typing import Any, Literal, NamedTuple, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ringfence.call import clean
from ringfence.lists import parse_entry
from ringfence.rules import Rule, decode_rule, encode_rule
from ringfence.rules.compile import compile_rule
from ringfence.store.keys import CHANGE_ENTRIES, CHANGES_MAXLEN, STAGING_SECONDS, Keys
from ringfence.trunk import Trunk, decode_trunk, encode_trunk

BATCH = 10_000
"""Entries in one script call: some 10 ms during which Redis serves nobody else."""
MAX_CONVERTED = 1_000_000
TRIES = 10

Argument = str | bytes | int


class Written(StrEnum):
    """What a write did."""

    ADDED = "added"
    REPLACED = "replaced"
    SAME = "same"


class Counted(NamedTuple):
    """How many entries a list change touched, and how many the list has now."""

    changed: int
    size: int


class FieldChange(NamedTuple):
    """A rule or a trunk as it was in Redis (None: not there) and as it is to be (None: gone)."""

    kind: Literal["rule", "trunk"]
    id: str
    was: bytes | None
    now: bytes | None


class WriteRefused(ValueError):  # noqa: N818 - the field's word: a write is refused
    """A write that does not fit what is in Redis; one line says what to do."""


class Writer:
    """Writes in the name of `who`, which mirrors and logs show with each change."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        who: str = "admin",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._who = clean(who, 64)
        self._clock = clock
        folder = files("ringfence.store") / "scripts"
        announce = (folder / "announce.lua").read_text()
        self._scripts = {
            name: redis.register_script(announce + (folder / f"{name}.lua").read_text())
            for name in (
                *("set_field", "set_fields", "remove_field"),
                *("list_add", "list_remove", "list_swap"),
            )
        }

    async def set_rule(
        self, rule_id: str, rule: Rule | bytes | str, *, only_new: bool = False
    ) -> Written:
        """Put a rule in force. `RuleRefused` names what is wrong with it."""
        text = encode_rule(rule) if isinstance(rule, Rule) else rule
        checked = decode_rule(rule_id, text)
        compile_rule(checked)
        mode = "new" if only_new else "any"
        done = await self._set(self._keys.rules, "rule", rule_id, encode_rule(checked), mode)
        if done == "exists":
            raise WriteRefused(f"rule {rule_id} exists: use set to replace it")
        return Written(done)

    async def remove_rule(self, rule_id: str) -> bool:
        """Take a rule out, also one that was refused. False where there is none."""
        return await self._remove(self._keys.rules, "rule", rule_id, rule_id)

    async def enable_rule(self, rule_id: str, enabled: bool = True) -> Written:
        """Switch a rule on or off and leave the rest of it as it is."""
        for _ in range(TRIES):
            old = await cast("Awaitable[bytes | None]", self._redis.hget(self._keys.rules, rule_id))
            if old is None:
                raise WriteRefused(f"no rule {rule_id[:64]}: `ringfence rule list` shows them")
            rule = msgspec.structs.replace(decode_rule(rule_id, old), enabled=enabled)
            new = encode_rule(rule)
            done = await self._set(self._keys.rules, "rule", rule_id, new, "was", old)
            if done != "moved":
                return Written(done)
        raise WriteRefused(f"rule {rule_id} is changed by others all the time: try again")

    async def set_trunk(self, name: str, trunk: Trunk | bytes | str) -> Written:
        """Put a trunk's settings in force. ValueError says what is wrong with them."""
        text = encode_trunk(trunk) if isinstance(trunk, Trunk) else trunk
        try:
            checked = decode_trunk(name, text)
        except ValueError as error:
            raise WriteRefused(f"trunk {clean(name, 80)}: {error}") from None
        return Written(
            await self._set(self._keys.trunks, "trunk", name, encode_trunk(checked), "any")
        )

    async def remove_trunk(self, name: str) -> bool:
        """Take a trunk's settings out: the defaults hold for it. False where there are none."""
        return await self._remove(self._keys.trunks, "trunk", name, f"trunk:{name}")

    async def apply(self, changes: Sequence[FieldChange]) -> None:
        """Set and remove rules and trunks, all in one step or none.

        Refused where one is no more what it `was`: somebody else has changed it.
        """
        arguments: list[Argument] = []
        for kind, id, was, now in changes:
            if now is not None:
                now = _checked_field(kind, id, now)
            arguments += [kind, id, was or b"", now or b""]
        keys = [self._keys.rules, self._keys.changes, self._keys.rejected, self._keys.trunks]
        if moved := await self._run("set_fields", keys, [CHANGE_ENTRIES, *arguments]):
            named = ", ".join(clean(each.decode(errors="replace"), 80) for each in moved[:5])
            raise WriteRefused(f"changed by somebody else meanwhile: {named}: try again")

    async def add_to_list(
        self, name: str, entries: Iterable[str], expires: float | None = None
    ) -> Counted:
        """Add entries, until `expires` (Unix seconds) or for good; any number of them.

        All are checked first. Each batch of 10,000 is one atomic step.
        """
        key, now = self._keys.list(name), self._clock()
        if expires is not None and not now < expires < math.inf:
            raise WriteRefused("the expiry lies in the past: give a time to come")
        until = "" if expires is None else repr(float(expires))
        result = Counted(0, 0)
        for batch in _batches(canonical(entries)):
            arguments = [str(CHANGE_ENTRIES), name, until, repr(now), str(MAX_CONVERTED), *batch]
            changed, size = await self._list_script("list_add", name, [key], arguments)
            result = Counted(result.changed + changed, size)
        return result

    async def remove_from_list(self, name: str, entries: Iterable[str]) -> Counted:
        """Take entries out; what is not in the list does not matter."""
        key = self._keys.list(name)
        result = Counted(0, 0)
        for batch in _batches(canonical(entries)):
            arguments = [str(CHANGE_ENTRIES), name, *batch]
            changed, size = await self._list_script("list_remove", name, [key], arguments)
            result = Counted(result.changed + changed, size)
        return result

    async def replace_list(
        self,
        name: str,
        entries: Iterable[str],
        progress: Callable[[int], object] = lambda done: None,
        *,
        expiries: Mapping[str, float] | None = None,
    ) -> Counted:
        """Put a whole new list in the place of the old one in a single step.

        Entries are checked as they are staged; a bad one leaves the old list as it is. With
        `expiries` (Unix seconds, by entry) those that are named there run out.
        """
        key, staged = self._keys.list(name), self._keys.staging(secrets.token_hex(8))
        done = 0
        try:
            for batch in _batches(_checked(entries)):
                async with self._redis.pipeline() as pipe:
                    if expiries is None:
                        pipe.sadd(staged, *batch)
                    else:
                        pipe.zadd(staged, {each: expiries.get(each, math.inf) for each in batch})
                    pipe.expire(staged, STAGING_SECONDS)
                    await pipe.execute()
                done += len(batch)
                progress(done)
            return Counted(*await self._list_script("list_swap", name, [key, staged], [name]))
        except BaseException:
            await self._redis.unlink(staged)
            raise

    async def remove_list(self, name: str) -> Counted:
        """Remove a list with all entries. `changed` is how many it had."""
        key, staged = self._keys.list(name), self._keys.staging(secrets.token_hex(8))
        return Counted(*await self._list_script("list_swap", name, [key, staged], [name]))

    async def _set(
        self, key: str, kind: str, field: str, value: bytes, mode: str, expected: bytes = b""
    ) -> str:
        refused = field if kind == "rule" else f"{kind}:{field}"
        arguments: list[Argument] = [kind, field, value, refused, mode, expected]
        keys = [key, self._keys.changes, self._keys.rejected]
        return cast("bytes", await self._run("set_field", keys, arguments)).decode()

    async def _remove(self, key: str, kind: str, field: str, refused: str) -> bool:
        keys = [key, self._keys.changes, self._keys.rejected]
        return bool(await self._run("remove_field", keys, [kind, field, refused]))

    async def _list_script(
        self, script: str, name: str, keys: list[str], arguments: Sequence[Argument]
    ) -> tuple[int, int]:
        try:
            changed, size = await self._run(
                script, [keys[0], self._keys.changes, *keys[1:]], arguments
            )
        except ResponseError as error:
            if "TOOLARGE" in str(error):
                raise WriteRefused(
                    f"list {name} has over {MAX_CONVERTED} entries that never run out: put those "
                    "that do into a list of their own"
                ) from None
            raise
        return int(changed), int(size)

    async def _run(self, script: str, keys: list[str], arguments: Sequence[Argument]) -> Any:
        common: list[Argument] = [self._who, f"{self._clock():.3f}", CHANGES_MAXLEN]
        try:
            return await self._scripts[script](keys=keys, args=[*common, *arguments])
        except ResponseError as error:
            if "WRONGTYPE" in str(error):
                raise WriteRefused(
                    f"{keys[0]} or {keys[1]} has a wrong type in Redis: see TYPE, then DEL it"
                ) from None
            raise


def _checked_field(kind: str, id: str, text: bytes) -> bytes:
    if kind == "rule":
        rule = decode_rule(id, text)
        compile_rule(rule)
        return encode_rule(rule)
    return encode_trunk(decode_trunk(id, text))


def canonical(entries: Iterable[str]) -> list[str]:
    """The entries as they are kept, each once. ValueError names the first bad one."""
    return list(dict.fromkeys(_checked(entries)))


def _checked(entries: Iterable[str]) -> Iterator[str]:
    for entry in entries:
        yield parse_entry(entry).text


def _batches(entries: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        yield batch
