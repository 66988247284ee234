"""Owns what is up for one run: Asterisk, the empty doors, Ringfence, the load generator.

Everything is a process of its own on the machine's own cores, as it would be at a small provider.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from benchmarks import paths
from benchmarks.children import LoadGenerator, child
from benchmarks.load import Leg, Plan, Target
from benchmarks.paths import Way
from benchmarks.ruleset import LISTS, listed_numbers, rules
from demo.stage import Stage
from ringfence.rules.model import encode_rule
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import running_valkey
from ringfence.store.keys import Keys

BATCH = 5_000
SETTLE_SECONDS = 5.0


class Bench(NamedTuple):
    """A stage with everything up. `start_seconds` is Ringfence's, from start to rules in force."""

    stage: Stage
    load: LoadGenerator
    ways: tuple[Way, ...]
    listed: int
    start_seconds: float

    async def place(self, way: Way, rate: float, seconds: float, offset: int = 0) -> Leg:
        """Calls on one way."""
        lab = self.stage.lab
        target = Target(lab.address(way.trunk), paths.CALLED, way.callers(self.listed))
        plan = Plan((lab.asterisk_address, 5060), rate, seconds, (target,), offset=offset)
        (leg,) = await self.load.run(plan)
        await self._settled()
        return leg

    async def _settled(self) -> None:
        # What a saturated way leaves behind is not the next way's to pay.
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            if self.stage.lab.rx("core show channels count").startswith("0 active channels"):
                return
            await asyncio.sleep(0.1)

    def asterisk_version(self) -> str:
        """As Asterisk says it."""
        return self.stage.lab.rx("core show version").split(" built")[0].strip()


@asynccontextmanager
async def bench(rule_count: int, listed: int) -> AsyncIterator[Bench]:
    """Everything up and warm; everything down afterwards, whatever happened."""
    all_ways = tuple(paths.ways("0.0.0.0"))  # names only, until the lab has an address
    with Stage(
        extra_trunks=paths.trunks(all_ways),
        set_var=paths.trunk_variables(all_ways),
        files={"logger.conf": paths.QUIET_LOGGER},
    ) as stage:
        lab = stage.lab
        all_ways = tuple(paths.ways(lab.asterisk_address))
        lab.settings.extra_dialplan = paths.dialplan(all_ways)
        stage.set_globals()
        lab.rx("core set verbose 0")
        await _fill(stage.ringfence.state, rule_count, listed)
        took = _start_ringfence(stage, patience=30 + listed / 100_000)
        agi = child("-m", "benchmarks.empty_agi", lab.asterisk_address, str(paths.EMPTY_AGI_PORT))
        ari = child(
            "-m", "benchmarks.empty_ari", lab.ari_url, lab.ari_username, paths.EMPTY_APP,
            environment={"BENCH_ARI_PASSWORD": lab.ari_password},
        )  # fmt: skip
        async with agi, ari, LoadGenerator() as load:
            yield Bench(stage, load, all_ways, listed, took)


async def _fill(state: Path, rule_count: int, listed: int) -> None:
    # By hand, as an admin's redis-cli would, and before the start, so that reading it all is
    # part of the start.
    keys = Keys()
    async with running_valkey(state) as url:
        redis = connect_redis(url, timeout=30.0)
        try:
            all_rules = rules(rule_count)
            for at in range(0, len(all_rules), BATCH):
                some: dict[Any, Any] = {
                    rule.id: encode_rule(rule) for rule in all_rules[at : at + BATCH]
                }
                await redis.hset(keys.rules, mapping=some)
            await _add(redis, keys.list(LISTS[0]), listed_numbers(listed))
            await _add(redis, keys.list(LISTS[1]), islice(listed_numbers(2_000), 1_000, 2_000))
        finally:
            await redis.aclose()


async def _add(redis: Redis, key: str, numbers: Iterable[int]) -> None:
    left = iter(numbers)
    while some := [f"+{number}" for number in islice(left, BATCH)]:
        await redis.sadd(key, *some)


def _start_ringfence(stage: Stage, patience: float) -> float:
    began = time.monotonic()
    ringfence = stage.ringfence
    ringfence.start(in_step=False)
    ringfence.wait_until(
        lambda: any("in step with Redis" in line.get("event", "") for line in ringfence.log()),
        "the rules in force", patience,
    )  # fmt: skip
    took = time.monotonic() - began
    ringfence.wait_until(lambda: "ringfence" in stage.lab.rx("ari show apps"), "the ARI door")
    return took
