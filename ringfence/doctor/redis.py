"""Is Redis there, and set up so that it keeps what it is given? Writes nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from ringfence.doctor.finding import Finding, Findings, fail, ok, warn
from ringfence.store.connection import address_of, explain_failure

PART = "redis"
MOST_SKEW = 1.0
OLDEST, OLDEST_TRACKING = (5,), (6,)


async def examine_redis(redis: Redis, *, embedded: bool) -> Findings:
    """All about the server behind `redis`; ends early where it does not answer."""
    address = address_of(redis)
    try:
        began = time.time()
        seconds, micros = await redis.time()
        ended = time.time()
        info = await redis.info()
    except NoPermissionError:
        yield warn(PART, f"{address} answers, but not INFO", "allow INFO and TIME in its ACL")
        return
    except (RedisError, OSError) as error:
        yield fail(PART, explain_failure(error, address), "see the line itself")
        return
    yield _version(info, address)
    yield _persistence(info)
    yield _memory(info)
    yield _role(info)
    if not embedded:
        yield _clock(seconds + micros / 1e6 - (began + ended) / 2)


def _version(info: dict[str, Any], address: str) -> Finding:
    name = "Valkey" if "valkey_version" in info else "Redis"
    shown = str(info.get("valkey_version") or info.get("redis_version", "?"))
    text = f"{name} {shown} at {address}"
    # Valkey says in redis_version which Redis it is compatible with
    version = _numbers(str(info.get("redis_version", "0")))
    if version < OLDEST:
        return fail(PART, text, "Redis 5 or later is needed, as it has streams")
    if version < OLDEST_TRACKING:
        return warn(PART, text, "from Redis 6 on, changes by hand are in force faster")
    return ok(PART, text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _persistence(info: dict[str, Any]) -> Finding:
    if not info.get("aof_enabled"):
        return warn(
            PART,
            "no append-only file: rules and call records are lost when it ends",
            "CONFIG SET appendonly yes, and the same in its configuration file",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return fail(PART, "writing the append-only file failed", "see its disk and its log")
    return ok(PART, "append-only file on")


def _memory(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "noeviction")
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if limit and policy != "noeviction":
        return fail(
            PART,
            f"memory policy {policy}: it throws rules and lists away when memory is short",
            "CONFIG SET maxmemory-policy noeviction",
        )
    if limit and used > 0.9 * limit:
        return warn(PART, f"{used * 100 // limit} % of its memory is used", "raise maxmemory")
    shown = f"memory {used / 1e6:.0f} MB"
    return ok(PART, f"{shown} of {limit / 1e6:.0f} MB, {policy}" if limit else f"{shown}, no limit")


def _role(info: dict[str, Any]) -> Finding:
    if info.get("role") == "slave":
        return fail(
            PART, "it is a replica, which takes no writes", "point redis.url at its primary"
        )
    return ok(PART, "takes writes")


def _clock(skew: float) -> Finding:
    if abs(skew) > MOST_SKEW:
        return warn(
            PART,
            f"its clock is {skew:+.1f} s from ours: expiries and call times disagree",
            "let both machines keep time by NTP",
        )
    return ok(PART, f"clocks {skew * 1000:+.0f} ms apart")


def examine_snapshot(state: Path, now: float) -> Finding:
    """Is there something to screen by after a start while Redis is away?"""
    path = state / "mirror.snapshot"
    try:
        age = now - path.stat().st_mtime
    except OSError:
        return warn(
            "snapshot",
            f"none in {state}: a start while Redis is away screens nothing",
            "it is written some seconds after `ringfence serve` has read the rules",
        )
    shown = f"{age / 3600:.0f} h" if age > 7_200 else f"{max(age, 0) / 60:.0f} min"
    return ok("snapshot", f"written {shown} ago")
