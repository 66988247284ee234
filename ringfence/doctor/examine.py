"""Asks about everything at once, each part within its time; knows the parts and no details."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from ringfence.doctor.agi import examine_agi
from ringfence.doctor.ari import examine_ari
from ringfence.doctor.asterisk import examine_asterisk
from ringfence.doctor.attestation import examine_attestation
from ringfence.doctor.disputes import examine_disputes
from ringfence.doctor.ends import examine_ends
from ringfence.doctor.finding import Finding, Findings, State, fail, ok, warn
from ringfence.doctor.named import NamedPlace, places_of, sounds_of
from ringfence.doctor.notices import examine_notices
from ringfence.doctor.places import unseen_places
from ringfence.doctor.redis import examine_redis, examine_snapshot
from ringfence.doctor.rules import RulesFound, examine_rules, read_rules
from ringfence.doctor.sounds import examine_sounds
from ringfence.settings import Settings
from ringfence.store.connection import connect_redis
from ringfence.store.embedded import EmbeddedValkey, ValkeyFailed, ping, running_valkey
from ringfence.store.keys import Keys
from ringfence.store.reader import Reader

SECONDS = 4.0
"""For each part, all at once: the whole answer is there in under five."""


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order of the way of a call's configuration."""
    rules: asyncio.Future[RulesFound] = asyncio.get_running_loop().create_future()
    parts = [
        ("settings", _settings(settings)),
        ("redis", _store(settings, rules)),
        ("agi", _agi(settings)),
        ("ari", _ari(settings)),
        ("ami", _asterisk(settings, rules)),
        ("attestation", _attestation(settings, rules)),
        ("prompts", _sounds(settings, rules)),
    ]
    answers = await asyncio.gather(*(_bounded(name, part) for name, part in parts))
    return [finding for answer in answers for finding in answer]


async def _bounded(name: str, part: AsyncIterator[Finding]) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(SECONDS):
            async for finding in part:
                found.append(finding)
    except TimeoutError:
        found.append(fail(name, f"no full answer within {SECONDS:.0f} s", "see the lines above"))
    except Exception as error:
        # a doctor that falls ill himself still tells what he has seen of the others
        found.append(fail(name, f"{type(error).__name__}: {error}", "please report this"))
    return found


async def _settings(settings: Settings) -> Findings:
    part = "settings"
    yield ok(part, str(settings.file) if settings.file else "environment and defaults, no file")
    if settings.file and settings.file.stat().st_mode & 0o004 and _has_password(settings.file):
        yield warn(part, f"{settings.file} has passwords and everybody may read it",
                   f"chmod 640 {settings.file}")  # fmt: skip
    if settings.screening.monitor:
        yield warn(part, "screening.monitor is on: nothing is blocked", "set it to false")


def _has_password(file: Path) -> bool:
    return re.search(r"^\s*(password|url)\s*=", file.read_text(), re.MULTILINE) is not None


async def _store(settings: Settings, rules: asyncio.Future[RulesFound]) -> Findings:
    keys = Keys(settings.redis.prefix)
    try:
        async with AsyncExitStack() as stack:
            url = settings.redis.url
            if not url:
                server = EmbeddedValkey(settings.state.path)
                if await ping(server.url) != "ready":
                    yield warn("redis", "the embedded Valkey does not run; started for this check",
                               "start `ringfence serve`")  # fmt: skip
                url = await stack.enter_async_context(running_valkey(settings.state.path))
            redis = connect_redis(url, timeout=2.0)
            stack.push_async_callback(redis.aclose)
            async for finding in _redis_and_rules(redis, keys, settings, rules):
                yield finding
    except (ValkeyFailed, ValueError) as error:
        yield fail("redis", str(error), "see the line itself")
    finally:
        if not rules.done():
            rules.set_result(RulesFound([], {}))


async def _redis_and_rules(
    redis: Redis, keys: Keys, settings: Settings, rules: asyncio.Future[RulesFound]
) -> Findings:
    found_of_redis = [f async for f in examine_redis(redis, embedded=not settings.redis.url)]
    for finding in found_of_redis:
        yield finding
    yield examine_snapshot(settings.state.path, time.time())
    if found_of_redis[0].state is State.FAIL:
        return  # there is nobody to ask
    reader = Reader(redis, keys)
    found = await read_rules(reader)
    rules.set_result(found)
    async for finding in examine_rules(found, reader):
        yield finding
    async for finding in examine_notices(reader, time.time()):
        yield finding
    async for finding in examine_disputes(redis, keys, time.time()):
        yield finding
    async for finding in examine_ends(redis, keys, settings.ami, time.time()):
        yield finding


async def _agi(settings: Settings) -> Findings:
    if settings.agi_bind:
        yield await examine_agi(settings.agi_bind)


async def _ari(settings: Settings) -> Findings:
    if not settings.ari.url:
        return
    async for finding in examine_ari(settings.ari):
        yield finding


async def _asterisk(settings: Settings, rules: asyncio.Future[RulesFound]) -> Findings:
    async def places() -> list[NamedPlace]:
        return places_of((await _known(rules)).good)

    if settings.ami.host:
        async for finding in examine_asterisk(settings, places):
            yield finding
        return
    yield warn("ami", "ami.host is not set: Asterisk itself is not looked at",
               "ringfence init writes an account for it")  # fmt: skip
    for finding in unseen_places(await places()):
        yield finding


async def _attestation(settings: Settings, rules: asyncio.Future[RulesFound]) -> Findings:
    found = await _known(rules)
    for finding in examine_attestation(settings, found.good, found.trunks, time.time()):
        yield finding


async def _sounds(settings: Settings, rules: asyncio.Future[RulesFound]) -> Findings:
    async for finding in examine_sounds(settings, sounds_of((await _known(rules)).good)):
        yield finding


async def _known(rules: asyncio.Future[RulesFound]) -> RulesFound:
    """The rules, or none where Redis keeps silent: that has a finding of its own."""
    try:
        async with asyncio.timeout(SECONDS / 2):
            return await asyncio.shield(rules)
    except TimeoutError:
        return RulesFound([], {})
