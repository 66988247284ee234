"""Reads the stream of call records: newest first, or as they come; writes nothing.

Garbage in the stream (somebody's XADD by hand, a record of a foreign version) is skipped and
counted, never an end of the answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from ringfence.callid import CALL_ID, time_of
from ringfence.calllog.record import CallRecord, decode_record, utc_text
from ringfence.store.keys import Keys

PAGE = 500
BLOCK_MS = 1_000
"""Shorter than the two seconds that a connection waits for any reply."""
ANSWER_SECONDS = 3.0
"""Also of a client without a time-out: a Redis that hangs is asked again."""
CLOCK_SKEW = 60.0
"""How far the door's clock may be ahead of Redis's."""
RETRY_SECONDS = 1.0
_NUMBER = re.compile(r"\+?[\d\s().-]+", re.ASCII)

Page = list[tuple[bytes | str, Mapping[bytes | str, bytes | str] | None]]
"""Entries of a stream as redis-py hands them out, whose own types say less."""


class CallFilter(NamedTuple):
    """What is asked for; an empty field asks nothing.

    Numbers match on their last ten digits, as traceback answers are looked up. `trunk` may hold
    ``*``. `rule` also finds calls that a rule only noted, and those that ``(score)``, ``(callee)``
    or ``(emergency)`` decided. `since` is Unix seconds.
    """

    caller: str = ""
    called: str = ""
    trunk: str = ""
    rule: str = ""
    action: str = ""
    id: str = ""
    since: float = 0.0
    callee: str = ""

    def matches(self, record: CallRecord) -> bool:
        """Whether a record is asked for."""
        return (
            (not self.id or record.id == self.id)
            and (not self.action or record.action == self.action)
            and (not self.trunk or fnmatchcase(record.trunk, self.trunk))
            and (not self.callee or record.callee == self.callee)
            and (not self.rule or self._is_rule(record))
            and (not self.since or record.time >= utc_text(self.since))
            and (not self.caller or self._is_caller(record))
            and (not self.called or _same(self.called, (record.called_e164, record.called)))
        )

    def _is_rule(self, record: CallRecord) -> bool:
        decided = record.rule or f"({record.reason})"
        return self.rule == decided or any(self.rule == note.rule for note in record.noted)

    def _is_caller(self, record: CallRecord) -> bool:
        if self.caller == "anonymous":
            return record.anonymous
        return _same(self.caller, (record.caller_e164, record.caller))

    def oldest(self) -> str:
        """The stream id before which nothing can match."""
        since = self.since
        if CALL_ID.fullmatch(self.id):
            since = max(since, time_of(self.id))
        return f"{int((since - CLOCK_SKEW) * 1000)}" if since > CLOCK_SKEW else "-"


EVERYTHING = CallFilter()


class CallQuery:
    """Answers from one stream; `skipped` counts entries that were no call records."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._stream = keys.calls
        self.skipped = 0

    async def position(self) -> str:
        """Where the stream ends now: list up to here, then follow from here, without a gap."""
        newest: Page = cast(Any, await self._redis.xrevrange(self._stream, count=1))
        return _text(newest[0][0]) if newest else "0-0"

    async def newest(
        self, wanted: CallFilter = EVERYTHING, *, limit: int = 100, upto: str = "+"
    ) -> AsyncIterator[CallRecord]:
        """Up to `limit` matching records, newest first. Raises what Redis raises."""
        found, before, oldest = 0, upto, wanted.oldest()
        while found < limit:
            page: Page = cast(
                Any,
                await self._redis.xrevrange(self._stream, max=before, min=oldest, count=PAGE),
            )
            for record in self._decode(page):
                if wanted.matches(record):
                    yield record
                    found += 1
                    if found >= limit:
                        return
            if len(page) < PAGE:
                return
            before = f"({_text(page[-1][0])}"

    async def follow(
        self, wanted: CallFilter = EVERYTHING, *, after: str = ""
    ) -> AsyncIterator[CallRecord]:
        """Matching records as they come, from now or after a position, until it is closed.

        Goes on where it was when Redis has been away. An answer that it refuses (no permission,
        wrong kind of key) is raised, as waiting mends nothing.
        """
        last = after
        while True:
            try:
                last = last or await self.position()
                page = await self._next_page(last)
            except ResponseError:
                raise
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for record in self._decode(page):
                if wanted.matches(record):
                    yield record
            last = _text(page[-1][0]) if page else last

    async def _next_page(self, last: str) -> Page:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = cast(
                "list[tuple[bytes | str, Page]] | None",
                await self._redis.xread({self._stream: last}, count=PAGE, block=BLOCK_MS),
            )
        return answer[0][1] if answer else []

    def _decode(self, page: Page) -> Iterator[CallRecord]:
        for _, fields in page:
            fields = fields or {}
            data = fields.get(b"record", fields.get("record", b""))
            try:
                record = decode_record(data.encode() if isinstance(data, str) else data)
            except ValueError:
                self.skipped += 1
            else:
                yield record


def _same(wanted: str, written: tuple[str, str]) -> bool:
    if not _NUMBER.fullmatch(wanted):
        return wanted in written
    digits = _last_ten(wanted)
    return bool(digits) and any(_last_ten(text) == digits for text in written)


def _last_ten(text: str) -> str:
    return re.sub(r"\D", "", text.partition("@")[0], flags=re.ASCII)[-10:]


def _text(entry: bytes | str) -> str:
    return entry.decode() if isinstance(entry, bytes) else entry
