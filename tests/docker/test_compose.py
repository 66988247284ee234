"""The composed containers screen real calls; the rules are written as an admin would."""

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest

from lab import CallResult, SipCaller
from tests.docker.containers import NET, SERVICES, Stack, wait_until

pytestmark = pytest.mark.docker

LISTED, UNLISTED, CALLED = "12025550123", "12025550124", "12025550199"
BLOCK = {"id": "stop", "when": {"caller": [f"+{LISTED}"]}, "action": "block", "basis": "policy"}


async def place(caller: str, door: str = "agi", talk: float = 0.2) -> CallResult:
    async with SipCaller(f"{NET}.2", (f"{NET}.1", 5060)) as trunk:
        return await trunk.call(
            caller=caller, called=CALLED, talk=talk, headers=[("X-Lab-Door", door)]
        )


def status_of(caller: str, door: str = "agi") -> int:
    return asyncio.run(place(caller, door, talk=0)).status


@pytest.fixture
def block(stack: Stack) -> Iterator[Callable[[], None]]:
    """Block the listed caller, as by hand; the next test finds everything up and no rule."""

    def written() -> None:
        stack.inside("valkey", "redis-cli", "HSET", "ringfence:rules", "stop", json.dumps(BLOCK))
        wait_until(lambda: status_of(LISTED) == 403, 5, stack.logs)

    yield written
    stack.wait_healthy()
    stack.inside("valkey", "redis-cli", "DEL", "ringfence:rules")
    wait_until(lambda: status_of(LISTED) == 200, 10, stack.logs)


def reason_of_last_call(stack: Stack) -> str:
    events = [line for line in stack.logs("ringfence").splitlines() if '"event":"call"' in line]
    return str(json.loads(events[-1])["reason"])


def test_every_container_is_healthy(stack: Stack) -> None:
    assert [stack.health(name) for name in SERVICES] == ["healthy"] * 3


def test_doctor_finds_nothing_to_mend(stack: Stack) -> None:
    assert stack.status("ringfence", "ringfence", "doctor") == 0, stack.inside(
        "ringfence", "sh", "-c", "ringfence doctor || true"
    )


@pytest.mark.parametrize("door", ["agi", "ari"])
def test_an_unlisted_caller_is_answered_and_talks(stack: Stack, door: str) -> None:
    call = asyncio.run(place(UNLISTED, door))
    assert (call.status, call.answered) == (200, True)
    assert call.rtp_packets > 0
    assert reason_of_last_call(stack) == "no-rule"


@pytest.mark.parametrize("door", ["agi", "ari"])
def test_a_caller_listed_with_redis_cli_is_blocked_and_others_are_not(
    block: Callable[[], None], door: str
) -> None:
    assert status_of(LISTED, door) == 200
    block()
    assert status_of(LISTED, door) == 403
    assert status_of(UNLISTED, door) == 200


def test_the_command_line_works_in_the_container(stack: Stack) -> None:
    stack.inside("ringfence", "ringfence", "rule", "add", "stop", "--caller", f"+{LISTED}",
                 "--action", "block")  # fmt: skip
    wait_until(lambda: status_of(LISTED) == 403, 5, stack.logs)
    rules = json.loads(stack.inside("ringfence", "ringfence", "rule", "list", "--json"))
    assert [rule["id"] for rule in rules] == ["stop"]
    stack.inside("ringfence", "ringfence", "rule", "remove", "stop")
    wait_until(lambda: status_of(LISTED) == 200, 5, stack.logs)


def test_a_restarted_ringfence_blocks_as_before(stack: Stack, block: Callable[[], None]) -> None:
    block()
    stack.docker("restart", "ringfence")
    stack.wait_healthy()
    assert status_of(LISTED) == 403
    assert status_of(LISTED, "ari") == 403


def test_rules_outlive_a_killed_valkey(stack: Stack, block: Callable[[], None]) -> None:
    block()
    # An append-only file is complete to within a second.
    wait_until(lambda: "aof_pending_bio_fsync:0" in stack.inside("valkey", "redis-cli", "INFO",
                                                                 "persistence"), 5)  # fmt: skip
    stack.docker("kill", "valkey")
    assert status_of(LISTED) == 403
    stack.docker("start", "valkey")
    stack.wait_healthy()
    assert "stop" in stack.inside("valkey", "redis-cli", "HKEYS", "ringfence:rules")


def test_without_ringfence_calls_go_on(stack: Stack, block: Callable[[], None]) -> None:
    block()
    stack.docker("stop", "ringfence")
    assert status_of(LISTED) == 200
    stack.docker("start", "ringfence")
    stack.wait_healthy()
    assert status_of(LISTED) == 403


def test_a_door_that_is_shut_makes_the_container_unhealthy(stack: Stack) -> None:
    healthy = ("python", "-I", "/opt/ringfence/health.py")
    assert stack.status("ringfence", *healthy) == 0
    stack.docker("stop", "asterisk")
    wait_until(lambda: stack.status("ringfence", *healthy) == 1, 10)
    stack.docker("start", "asterisk")
    wait_until(lambda: stack.status("ringfence", *healthy) == 0, 60, stack.logs)
    assert stack.status("ringfence", "env", "RINGFENCE_AGI_BIND=127.78.1.1:9", *healthy) == 1


def test_nothing_listens_outside_the_loopback_addresses(stack: Stack) -> None:
    # Three containers, one network: what is listened on there is seen from any of them.
    assert stack.inspect("ringfence")["HostConfig"]["NetworkMode"] == "host"
    for service, asked in (
        ("valkey", "redis-cli CONFIG GET bind"),
        ("asterisk", "asterisk -rx 'pjsip show transports'"),
        ("asterisk", "asterisk -rx 'http show status'"),
        ("asterisk", "asterisk -rx 'manager show settings'"),
    ):
        said = stack.inside(service, "sh", "-c", asked)
        assert NET in said
        assert "0.0.0.0" not in said
