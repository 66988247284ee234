"""Keeps disputes: adds them, has answers recorded, lifts the blocking of a number, takes that back.

Knows the store; nothing of calls, nor of how anything is shown. A lift and its taking back are one
step with the list of released numbers.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, cast

import msgspec
from redis.asyncio import Redis

from ringfence.call import clean
from ringfence.providers.deadlines import minute
from ringfence.redress.model import (
    MAX_DISPUTE_BYTES,
    BlockedBy,
    Dispute,
    Does,
    Step,
    decode_dispute,
    encode_dispute,
    fitting,
    refuse_overlong,
)
from ringfence.rules.choice import REDRESS_LIST
from ringfence.store.keys import Keys
from ringfence.store.writing.dispute_writer import DisputeWriter
from ringfence.store.writing.fields import Moved
from ringfence.store.writing.scripting import WriteRefused

PAGE = 200
"""Disputes that are read at once: workers look through them beside their calls."""
TRIES = 10
_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"


class Found(NamedTuple):
    """A dispute and its text as it stands in Redis."""

    id: str
    dispute: Dispute
    text: bytes


class Kept(NamedTuple):
    """All disputes, oldest first, and what was refused of them: id → why."""

    found: list[Found]
    refused: dict[str, str]


class Disputes:
    """The disputes behind one Redis; changes are signed by the writer's name."""

    def __init__(self, redis: Redis, keys: Keys, writer: DisputeWriter) -> None:
        self._redis = redis
        self._key = keys.disputes
        self._writer = writer

    async def all(self) -> Kept:
        """Everything that is kept."""
        kept: dict[str, Found] = {}
        refused: dict[str, str] = {}
        async for field, text in self._redis.hscan_iter(self._key, count=PAGE):
            id = field.decode(errors="replace")
            try:
                # a scan may bring a field twice
                kept[id] = Found(id, decode_dispute(id, text), text)
            except ValueError as error:
                refused[clean(id, 80)] = str(error)
        found = sorted(kept.values(), key=lambda each: (each.dispute.received, each.id))
        return Kept(found, refused)

    async def find(self, id: str) -> Found:
        """A dispute by its id, or the newest by the id that went out with a rejection."""
        text = await cast("Awaitable[bytes | None]", self._redis.hget(self._key, id))
        if text is not None:
            try:
                return Found(id, decode_dispute(id, text), text)
            except ValueError as error:
                raise WriteRefused(f"dispute {clean(id, 40)} is refused: {error}") from None
        named = [each for each in (await self.all()).found if each.dispute.call == id]
        if not named:
            raise WriteRefused(
                f"no dispute {clean(id, 40)}, by its own id or the call's: `ringfence dispute list`"
            )
        return named[-1]

    async def add(self, dispute: Dispute) -> str:
        """Keep a new dispute; returns its id."""
        refuse_overlong(dispute)
        for _ in range(TRIES):
            id = f"{dispute.received:%y%m%d}-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"
            text = encode_dispute(dispute)
            decode_dispute(id, text)
            try:
                await self._writer.put(id, None, text)
            except Moved:
                continue
            return id
        raise WriteRefused("no free id was found: try again")

    async def tell(self, id: str, step: Step) -> Found:
        """The party was told how things stand: the clock has no more to say."""

        def change(dispute: Dispute) -> Dispute:
            told = msgspec.structs.replace(dispute, told=dispute.told or step.at).with_step(step)
            refuse_overlong(told)
            return told

        return await self._change(id, change, Does.TOLD)

    async def close(self, id: str, step: Step) -> Found:
        """Nothing more is to be done. A number that was let through stays so."""

        def change(dispute: Dispute) -> Dispute:
            if dispute.status == "closed":
                raise WriteRefused(f"dispute {id} is closed already")
            return fitting(msgspec.structs.replace(dispute, status="closed").with_step(step))

        return await self._change(id, change, Does.CLOSED)

    async def note_blockers(self, id: str, blocked_by: tuple[BlockedBy, ...]) -> Found:
        """What the call log says now; what it said before stays where it says nothing any more."""

        def change(dispute: Dispute) -> Dispute:
            noted = msgspec.structs.replace(dispute, blocked_by=blocked_by or dispute.blocked_by)
            return noted if len(encode_dispute(noted)) < MAX_DISPUTE_BYTES else dispute

        return await self._change(id, change, "set")

    async def lift(self, id: str, step: Step) -> Found:
        """Let the number through from the next call on."""
        for _ in range(TRIES):
            found = await self.find(id)
            dispute = found.dispute
            if dispute.lifted is not None:
                raise WriteRefused(f"dispute {found.id} was lifted at {minute(dispute.lifted)}")
            new = fitting(msgspec.structs.replace(dispute, lifted=step.at).with_step(step))
            text = encode_dispute(new)
            try:
                await self._writer.release(
                    found.id, found.text, text, "lift", REDRESS_LIST, dispute.number
                )
            except Moved:
                continue
            return Found(found.id, new, text)
        raise _never_still(id)

    async def undo(self, id: str, step: Step) -> tuple[Found, list[str]]:
        """Take a lift back. Also the other disputes by which the number is let through still."""
        for _ in range(TRIES):
            found = await self.find(id)
            dispute = found.dispute
            if dispute.lifted is None:
                raise WriteRefused(f"dispute {found.id} is not lifted: there is nothing to undo")
            new = fitting(msgspec.structs.replace(dispute, lifted=None).with_step(step))
            text = encode_dispute(new)
            others = [
                each.id
                for each in (await self.all()).found
                if each.id != found.id
                and each.dispute.number == dispute.number
                and each.dispute.lifted is not None
            ]
            try:
                if others:
                    await self._writer.put(found.id, found.text, text, "undo")
                else:
                    await self._writer.hold(
                        found.id, found.text, text, "undo", REDRESS_LIST, dispute.number
                    )
            except Moved:
                continue
            return Found(found.id, new, text), others
        raise _never_still(id)

    async def remind(self, found: Found, new: Dispute) -> bool:
        """Keep that it was reminded of; False where somebody was faster."""
        try:
            await self._writer.put(found.id, found.text, encode_dispute(new), "remind")
        except Moved:
            return False
        return True

    async def _change(self, id: str, change: Callable[[Dispute], Dispute], op: str) -> Found:
        for _ in range(TRIES):
            found = await self.find(id)
            new = change(found.dispute)
            text = encode_dispute(new)
            try:
                await self._writer.put(found.id, found.text, text, op)
            except Moved:
                continue
            return Found(found.id, new, text)
        raise _never_still(id)


def step_of(at: datetime, who: str, does: Does, text: str = "") -> Step:
    """A step as it is kept: a signature in full, a text as far as there is room for it."""
    return Step(at, who[:200], does, text[:4_000])


def _never_still(id: str) -> WriteRefused:
    return WriteRefused(f"dispute {clean(id, 40)} is changed by others all the time: try again")
