"""Owns what is up for one run: Asterisk, the empty doors, Ringfence, the load generator.

Everything is a process of its own on the machine's own cores, as it would be at a small provider.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from benchmarks import paths
from benchmarks.children import ChildError, LoadGenerator, child
from benchmarks.cpu import since, spent
from benchmarks.load import Leg, Plan, Target
from benchmarks.paths import Way
from benchmarks.rivals import database
from benchmarks.rivals.beside import beside
from benchmarks.ruleset import LISTS, listed_numbers, rules, velocity_rule, verified_rule
from benchmarks.verify.served import Served, served
from demo.stage import Stage
from lab import ensure_root
from ringfence.rules.model import encode_rule
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import running_valkey
from ringfence.store.keys import Keys
from ringfence.trunk import Trunk, encode_trunk

BATCH = 5_000
SETTLE_SECONDS = 20.0
NOT_OURS = Trunk(attestation=("asterisk",))
"""Settings of a trunk whose Identity headers come to Ringfence and are not verified."""
CERTIFICATES_HOST = 39
"""Where the signer's certificate is served, an address below those of the ways' trunks."""


class Bench(NamedTuple):
    """A stage with everything up. `start_seconds` is Ringfence's, from start to rules in force."""

    stage: Stage
    load: LoadGenerator
    ways: tuple[Way, ...]
    listed: int
    start_seconds: float
    pids: dict[str, int]
    served: Served

    async def place(self, way: Way, rate: float, seconds: float, offset: int = 0) -> Leg:
        """Calls on one way, and what they took of each process."""
        before = spent(self.pids)
        leg = await self._place(way, rate, seconds, way.callers(self.listed), offset)
        leg.cpu = since(before, spent(self.pids))
        await self._settled()
        return leg

    async def prove(self) -> None:
        """See that each way that screens blocks a listed caller: nothing else is worth timing."""
        for way in (way for way in self.ways if way.screens):
            listed = (way.listed_caller(self.listed),)
            # The first call of all may meet what is still starting behind Asterisk.
            for _ in range(2):
                leg = await self._place(way, 10.0, 0.1, listed, 0)
            if leg.statuses != {paths.BLOCKED: 1}:
                got = ", ".join(map(str, leg.statuses))
                raise ChildError(f"{way.title}: a listed caller was not blocked, but got {got}")

    async def _place(
        self, way: Way, rate: float, seconds: float, callers: tuple[str, ...], offset: int
    ) -> Leg:
        lab = self.stage.lab
        identities: tuple[str, ...] = ()
        if way.signed:
            identities = self.served.identities(callers, paths.CALLED, offset, int(rate * seconds))
        target = Target(lab.address(way.trunk), paths.CALLED, callers, identities=identities)
        plan = Plan((lab.asterisk_address, 5060), rate, seconds, (target,), offset=offset)
        (leg,) = await self.load.run(plan)
        return leg

    async def _settled(self) -> None:
        # What a saturated way leaves behind is not the next way's to pay.
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            if self.stage.lab.rx("core show channels count").startswith("0 active channels"):
                return
            await asyncio.sleep(0.1)

    def versions(self) -> list[str]:
        """Asterisk, and what else the ways are made of, as each says it."""
        lab = self.stage.lab
        said = [lab.rx("core show version").split(" built")[0].strip()]
        said.append(f"Valkey {self.stage.ringfence.redis_info('server')['valkey_version']}")
        if any(way.name == "odbc" for way in self.ways):
            said.append(database.version(lab.root))
        return said


@asynccontextmanager
async def bench(rule_count: int, listed: int, only: Collection[str] = ()) -> AsyncIterator[Bench]:
    """Everything up and warm; everything down afterwards, whatever happened.

    `only` names the ways that are wanted; without it, all.
    """

    def chosen(asterisk: str) -> tuple[Way, ...]:
        return tuple(way for way in paths.ways(asterisk) if not only or way.name in only)

    ways = chosen("0.0.0.0")  # names only, until the lab has an address
    names, pids = {way.name for way in ways}, dict[str, int]()
    odbc = "odbc" in names
    with (
        served() as signing,
        Stage(
            # no ends of calls: what they cost Asterisk would be measured as the doors'
            environment={**signing.environment, "RINGFENCE_AMI_HOST": ""},
            root_folder=ensure_root(database.PACKAGES, "benchmarks") if odbc else None,
            beside=beside(names, listed, pids),
            extra_trunks=paths.trunks(ways),
            extra_modules=database.MODULES if odbc else (),
            set_var=paths.trunk_variables(ways),
            files={"logger.conf": paths.QUIET_LOGGER},
        ) as stage,
    ):
        lab = stage.lab
        ways = chosen(lab.asterisk_address)
        lab.settings.extra_dialplan = paths.dialplan(ways)
        stage.set_globals()
        lab.rx("core set verbose 0")
        await _fill(stage.ringfence.state, rule_count, listed)
        took = _start_ringfence(stage, patience=30 + listed / 100_000)
        pids |= {"Asterisk": lab.asterisk.pid, "Ringfence": stage.ringfence.pid,
                 "Valkey": stage.ringfence.valkey_pid}  # fmt: skip
        async with AsyncExitStack() as stack:
            stack.enter_context(signing.serving(lab.address(CERTIFICATES_HOST)))
            for name, process in _children(stage, listed, names).items():
                pids[name] = (await stack.enter_async_context(process)).pid
            load = await stack.enter_async_context(LoadGenerator())
            pids["load generator"] = load.pid
            up = Bench(stage, load, ways, listed, took, pids, signing)
            await up.prove()
            yield up


def _children(
    stage: Stage, listed: int, names: Collection[str]
) -> dict[str, AbstractAsyncContextManager[asyncio.subprocess.Process]]:
    lab = stage.lab
    host = lab.asterisk_address
    found: dict[str, AbstractAsyncContextManager[asyncio.subprocess.Process]] = {
        "empty FastAGI": child("-m", "benchmarks.empty_agi", host, str(paths.EMPTY_AGI_PORT)),
        "empty ARI": child(
            "-m", "benchmarks.empty_ari", lab.ari_url, lab.ari_username, paths.EMPTY_APP,
            environment={"BENCH_ARI_PASSWORD": lab.ari_password},
        ),
    }  # fmt: skip
    if "curl" in names:
        words = (host, str(paths.SERVICE_PORT), str(listed))
        found["HTTP service"] = child("-m", "benchmarks.rivals.service", *words)
    return found


async def _fill(state: Path, rule_count: int, listed: int) -> None:
    # By hand, as an admin's redis-cli would, and before the start, so that reading it all is
    # part of the start.
    keys = Keys()
    async with running_valkey(state) as url:
        redis = connect_redis(url, timeout=30.0)
        try:
            all_rules = (
                velocity_rule(paths.RATE_TRUNK),
                verified_rule(*paths.VERIFIED_TRUNKS),
                *rules(rule_count),
            )[:rule_count]
            for at in range(0, len(all_rules), BATCH):
                some: dict[Any, Any] = {
                    rule.id: encode_rule(rule) for rule in all_rules[at : at + BATCH]
                }
                await redis.hset(keys.rules, mapping=some)
            settings: dict[Any, Any] = dict.fromkeys(paths.HANDED_TRUNKS, encode_trunk(NOT_OURS))
            await redis.hset(keys.trunks, mapping=settings)
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
