"""Owns a process that writes rules and lists as admins do, and how soon that is in force.

`python -m benchmarks.hand REDIS_URL` does what it reads, a line each; it measures nothing itself.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import islice
from typing import Any

from redis.asyncio import Redis

from benchmarks.ruleset import LISTS, listed_numbers, rules
from ringfence.rules.model import Rule, When, encode_rule
from ringfence.store.connection import connect_redis
from ringfence.store.keys import Keys
from ringfence.store.mirror.mirror import Mirror
from ringfence.store.writing.writer import Writer
from ringfence.verdict import Action

PROBE = "0-probe"
BATCH = 5_000


class Latencies:
    """From before a write to its being in force, by the write's own time in the rule's note."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._last = ""
        self._took: list[float] = []

    def look(self) -> None:
        """Whether there is a new one."""
        book = self._mirror.world().rules
        if book.rules and book.rules[0].rule.id == PROBE:
            note = book.rules[0].rule.note
            if note != self._last:
                self._last = note
                self._took.append((time.monotonic() - float(note)) * 1e3)

    def taken(self) -> list[float]:
        """Milliseconds of those seen since the last time."""
        took, self._took = self._took, []
        return took


class Hand:
    """The process that writes. Started once, as starting one takes its time here too."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, action: str, *numbers: int) -> None:
        """Have something written, and wait for it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{action} {' '.join(map(str, numbers))}\n".encode())
        while line := await self._process.stdout.readline():
            if line == b"done\n":
                return
            print(line.decode(), end="", flush=True)
        raise RuntimeError(f"the hand ended while at {action}")


async def _be_the_hand(url: str) -> None:
    redis = connect_redis(url, timeout=30.0)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        action, one, two = [*line.split(), "0"][:3]
        await _write(redis, action, int(one), int(two))
        print("done", flush=True)
    await redis.aclose()


async def _write(redis: Redis, action: str, one: int, two: int) -> None:
    keys = Keys()
    writer = Writer(redis, keys)
    if action == "fill":
        for at in range(0, one, BATCH):
            some: Any = {rule.id: encode_rule(rule) for rule in rules(one)[at : at + BATCH]}
            await redis.hset(keys.rules, mapping=some)
        numbers = listed_numbers(two)
        while batch := [f"+{number}" for number in islice(numbers, BATCH)]:
            await redis.sadd(keys.list(LISTS[0]), *batch)
    elif action == "rules":
        for _ in range(one):
            await _probe(writer)
            await asyncio.sleep(1 / two)
    elif action == "by-hand":
        for _ in range(one):
            raw: Any = encode_rule(_probe_rule())
            await redis.hset(keys.rules, PROBE, raw)
            await asyncio.sleep(1 / two)
    elif action == "list":
        for n in range(one):
            await writer.add_to_list("other", (f"+1303{n * two + i:07}" for i in range(two)))
    elif action == "numbers":
        await writer.add_to_list("other", (f"+1303{one * two + i:07}" for i in range(two)))
    elif action == "dated":
        dated = (f"+1303{n * 13 % 10_000_000:07}" for n in range(one))
        await writer.add_to_list("dated", dated, expires=time.time() + two)
    elif action == "replace":
        began = time.monotonic()
        await writer.replace_list(LISTS[0], (f"+{number}" for number in listed_numbers(one)))
        print(f"  the import took {time.monotonic() - began:.1f} s", flush=True)
    elif action == "storm":
        await _storm(writer, time.monotonic() + one)


async def _storm(writer: Writer, until: float) -> None:
    turn = 0
    while time.monotonic() < until:
        turn += 1
        await _probe(writer)
        await writer.add_to_list("other", [f"+1404{turn % 5_000:07}"])
        await writer.remove_from_list("other", [f"+1404{(turn - 1_000) % 5_000:07}"])
        await asyncio.sleep(0.05)


async def _probe(writer: Writer) -> None:
    await writer.set_rule(PROBE, _probe_rule())


def _probe_rule() -> Rule:
    # Elsewhere in the index each time.
    now = time.monotonic()
    when = When(caller=f"+1505{int(now * 1000) % 10_000_000:07}")
    return Rule(id=PROBE, priority=0, action=Action.BLOCK, when=when, note=repr(now))


if __name__ == "__main__":
    asyncio.run(_be_the_hand(sys.argv[1]))
