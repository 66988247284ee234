"""Notices by command: recorded, shown with their countdown, stepped, extended, settled."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess

import pytest
from redis.asyncio import Redis

from ringfence.calllog.record import CallRecord, encode_record, utc_text
from ringfence.providers.model import Provider
from ringfence.store.keys import Keys
from ringfence.store.writing.writer import Writer

Run = Callable[..., CompletedProcess[str]]
GATEWAY = Provider(
    name="Example Gateway, Inc.", role="gateway", trunks=("gateway-c",),
    addresses=("192.0.2.0/24",), signers=("818H",),
)  # fmt: skip
LETTER = ("notice", "add", "letter-1", "--kind", "ftc-fcc-letter", "--provider", "gateway")


@pytest.fixture
async def gateway(writer: Writer) -> None:
    await writer.set_provider("gateway", GATEWAY)


async def log_call(redis: Redis, keys: Keys, ago: timedelta, **more: str) -> None:
    at = (datetime.now(UTC) - ago).timestamp()
    given = {
        "id": secrets.token_hex(8), "time": utc_text(at), "action": "allow", "reason": "no-rule",
        "caller_e164": "+19005550100", "called_e164": "+12025550123", **more,
    }  # fmt: skip
    record = CallRecord(**given)  # type: ignore[arg-type]
    await redis.xadd(keys.calls, {"record": encode_record(record)}, id=f"{int(at * 1000)}-*")


def shown(ringfence: Run, id: str = "letter-1") -> dict[str, object]:
    found: dict[str, object] = json.loads(ringfence("notice", "show", id, "--json").stdout)
    return found


@pytest.mark.usefixtures("gateway")
async def test_a_letter_is_recorded_and_counts_down(ringfence: Run) -> None:
    added = ringfence(*LETTER, "--received", "2h", "--caller", "1900*", "--campaign", "tests",
                      "--hang-up", "--title", "Letter of April 3")  # fmt: skip
    assert "(1d 22h left), then block-both" in added.stdout
    assert "ringfence notice text letter-1" in added.stderr
    assert "ami.host" in added.stderr
    assert "exists" in ringfence(*LETTER, code=1).stderr
    found = shown(ringfence)
    assert (found["state"], found["basis"], found["added_by"]) == (
        "open", "provider-notice", "alice",
    )  # fmt: skip
    assert found["traffic"] == {"callers": ["+1900*"], "campaign": "tests"}
    assert 45 * 3600 < int(str(found["seconds_left"])) <= 46 * 3600
    listed = ringfence("notice", "list").stdout
    assert "Letter of April 3" in listed
    assert "1d 21h" in listed or "1d 22h" in listed
    text = ringfence("notice", "show", "letter-1").stdout
    assert "none of this traffic since the notice" in text
    assert "is to be told first, (k)(4)" in text
    assert "add" in ringfence("notice", "history", "letter-1").stdout


@pytest.mark.usefixtures("gateway")
async def test_steps_are_dated_and_signed_and_a_notice_is_extended_and_settled(
    ringfence: Run,
) -> None:
    ringfence(*LETTER)
    ringfence("notice", "step", "letter-1", "called their NOC", "--at", "1h", "--as", "bob")
    ringfence("notice", "step", "letter-1", "--commission", "sent by mail")
    ringfence("notice", "extend", "letter-1", "--to", "7d", "as agreed")
    found = shown(ringfence)
    steps = found["steps"]
    assert isinstance(steps, list)
    assert [(s["who"], s.get("does", "note")) for s in steps] == [
        ("bob", "note"), ("alice", "commission"), ("alice", "extended"),
    ]  # fmt: skip
    assert int(str(found["seconds_left"])) > 6 * 86_400
    assert "was told" in ringfence("notice", "show", "letter-1").stdout
    assert "blocks nothing" in ringfence("notice", "lift", "letter-1", code=1).stderr
    ringfence("notice", "resolve", "letter-1", "cut off")
    assert shown(ringfence)["state"] == "resolved"
    assert "is resolved" in ringfence("notice", "resolve", "letter-1", code=1).stderr
    assert "is resolved" in ringfence("notice", "extend", "letter-1", "--to", "7d", code=1).stderr
    assert "no notice is open" in ringfence("notice", "list").stderr
    assert "letter-1" in ringfence("notice", "list", "--all").stdout


@pytest.mark.usefixtures("gateway")
async def test_the_traffic_since_is_counted_and_listed_and_a_dry_run_blocks_nothing(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    minutes = timedelta(minutes=1)
    await log_call(redis, keys, 300 * minutes, trunk="gateway-c")
    await log_call(redis, keys, 9 * minutes, trunk="gateway-c")
    await log_call(redis, keys, 8 * minutes, trunk="gateway-c", action="block")
    await log_call(redis, keys, 7 * minutes, trunk="other", signer="818H", verification="passed")
    await log_call(redis, keys, 6 * minutes, trunk="other")
    await log_call(redis, keys, 5 * minutes, trunk="gateway-c", caller_e164="+13035550100")
    await log_call(redis, keys, 4 * minutes, trunk="gateway-c", reason="emergency")
    ringfence(*LETTER, "--received", "2h", "--caller", "+1900*")
    seen = shown(ringfence)["calls"]
    assert isinstance(seen, dict)
    assert (seen["total"], seen["blocked"]) == (4, 1)
    listed = json.loads(ringfence("notice", "calls", "letter-1", "--json").stdout)
    assert [call["trunk"] for call in listed["shown"]] == [
        "gateway-c", "other", "gateway-c", "gateway-c",
    ]  # fmt: skip
    anywhere = ringfence("notice", "calls", "letter-1", "--anywhere", "--json").stdout
    assert json.loads(anywhere)["total"] == 5
    dry = json.loads(ringfence("notice", "dry-run", "letter-1", "--json").stdout)
    assert (dry["calls"], dry["hit"], dry["already_blocked"]) == (7, 5, 1)
    assert dry["by_rule"] == {"notice-letter-1-trunks": 4, "notice-letter-1-signers": 1}
    direct = ringfence("notice", "dry-run", "letter-1", "--at-deadline", "block-direct",
                       "--since", "1h")  # fmt: skip
    assert "3, 1 of them" in direct.stdout
    assert json.loads(ringfence("rule", "list", "--json").stdout) == []
    text = ringfence("notice", "text", "letter-1", "--company", "Acme VoIP, Inc.").stdout
    assert "we have seen 4 calls of this traffic" in text
    assert "Acme VoIP, Inc." in text


@pytest.mark.usefixtures("gateway")
async def test_a_traceback_has_the_clock_of_the_office_that_answers(ringfence: Run) -> None:
    trace = ("notice", "add", "itg-17", "--kind", "traceback")
    assert "--timezone" in ringfence(*trace, code=2).stderr
    ringfence(*trace, "--received", "2026-11-20T15:00:00-05:00", "--timezone", "America/New_York")
    assert shown(ringfence, "itg-17")["deadline"] == "2026-11-23T20:00:00Z"


WRONG = [
    (["--kind", "own"], "a notice of your own needs a deadline: give --deadline", 2),
    (["--kind", "own", "--deadline", "2020-01-01"], "before it was received", 2),
    (["--kind", "ftc-fcc-letter"], "block-both needs a provider", 1),
    (["--kind", "ftc-fcc-letter", "--provider", "nobody"], "ringfence provider add nobody", 1),
    (["--kind", "letter"], "--kind", 2),
    (["--kind", "suspected-traffic", "--caller", "@scammers"], "no list", 1),
    (["--kind", "suspected-traffic", "--remind", "soon"], "no length of time", 1),
    (["--kind", "suspected-traffic", "--received", "2099-01-01"], "is yet to come", 2),
    (["--kind", "suspected-traffic", "--timezone", "Mars"], "no time zone", 1),
]


@pytest.mark.parametrize(("arguments", "said", "code"), WRONG)
def test_a_wrong_notice_is_refused_in_one_line(
    ringfence: Run, arguments: list[str], said: str, code: int
) -> None:
    stderr = ringfence("notice", "add", "n", *arguments, code=code).stderr
    assert said in stderr
    assert len(stderr.strip().splitlines()) == 1


def test_what_is_no_notice_is_told_in_one_line(ringfence: Run) -> None:
    for command in ("show", "calls", "dry-run", "text", "lift", "resolve"):
        assert "no notice x" in ringfence("notice", command, "x", code=1).stderr
    assert "no notice" in ringfence("notice", "list").stderr


async def test_a_notice_that_is_refused_is_listed_with_its_reason(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    await redis.hset(keys.notices, "bad", '{"kind": "letter"}')
    assert "REFUSED" in ringfence("notice", "list").stdout
    assert "is refused as it stands" in ringfence("notice", "show", "bad", code=1).stderr
    assert "letter" in ringfence("notice", "step", "bad", "x", code=1).stderr


@pytest.mark.usefixtures("gateway")
async def test_a_provider_with_an_open_notice_stays_in_the_register(ringfence: Run) -> None:
    ringfence(*LETTER)
    assert "notice letter-1" in ringfence("provider", "remove", "gateway", code=1).stderr
    assert "letter-1" in ringfence("provider", "show", "gateway").stdout
    ringfence("notice", "resolve", "letter-1")
    ringfence("provider", "remove", "gateway")


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--released", "2199-01-01"), "--released 2199-01-01 00:00Z is yet to come"),
        (("--released", "0001-01-01T00:00:00+05:00"), "--released 0001"),
        (("--received", "0001-01-01T00:00:00+05:00"), "--received 0001"),
        (("--deadline", "9999-12-31T23:59:59-05:00"), "--deadline 9999"),
        (("--received", "3000-01-01"), "a year from 1990 to 2199"),
        (("--from", "0001-01-01T00:00:00+05:00"), "--from 0001"),
    ],
)
async def test_a_slip_of_the_pen_in_a_time_is_refused_and_delays_no_deadline(
    ringfence: Run, redis: Redis, keys: Keys, flags: tuple[str, ...], said: str
) -> None:
    done = ringfence(*LETTER, *flags, code=2)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not await redis.exists(keys.notices)


async def test_a_notice_that_a_hand_has_spoilt_says_how_it_is_mended(
    ringfence: Run, redis: Redis, keys: Keys
) -> None:
    await redis.hset(keys.notices, "letter-1", "nonsense")
    assert "REFUSED" in ringfence("notice", "list").stdout
    for words in (("show",), ("lift",), ("resolve",), ("step", "x"), ("extend", "--to", "1d")):
        said = ringfence("notice", words[0], "letter-1", *words[1:], code=1).stderr
        assert "notice letter-1 is refused as it stands: " in said
        assert "`ringfence notice history letter-1` has what it was" in said
    await redis.hset(keys.rules, "notice-letter-1-trunks", "{}")
    assert "`ringfence rule remove notice-letter-1-trunks`" in ringfence(
        "notice", "lift", "letter-1", code=1
    ).stderr  # fmt: skip


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("2026-11-20", "2026-11-20 00:00Z"),
        ("2026-11-20T14:00", "2026-11-20 14:00Z"),
        ("2026-11-20T14:00-05:00", ""),
        ("2h", ""),
    ],
)
async def test_a_time_without_a_zone_says_as_what_it_is_taken(
    ringfence: Run, given: str, taken: str
) -> None:
    told = ringfence(*LETTER, "--released", given).stderr
    assert (f"note: --released {given} is taken as {taken}: " in told) == bool(taken)
    assert ("taken as" in told) == bool(taken)
