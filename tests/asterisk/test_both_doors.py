"""The same call gets the same verdict and SIP response through FastAGI and through ARI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from demo.stage import Stage

pytestmark = pytest.mark.asterisk

LISTED, EXPIRED = "+13015550001", "+13015550002"
CALLEE = "12025550100"


class Expected(NamedTuple):
    """A call and what must come of it; SIP 200 where the callee answers."""

    name: str
    sip: int
    action: str
    rule: str = ""
    caller: str | bytes = "+13015550100"
    called: str = CALLEE
    trunk: str = "carrier-a"
    caller_name: str | bytes = ""
    headers: tuple[tuple[str, str], ...] = ()
    from_params: str = ""


def passed(level: str) -> tuple[tuple[str, str], ...]:
    return (("X-Twilio-VerStat", f"TN-Validation-Passed-{level}"),)


CALLS = [
    Expected("an ordinary call", 200, "allow"),
    Expected("a national number", 200, "allow", caller="3015550100"),
    Expected("a listed caller", 603, "block", "d-listed", caller=LISTED),
    Expected("a listed caller, national", 603, "block", "d-listed", caller=LISTED[2:]),
    Expected("a listed caller, with 011", 603, "block", "d-listed", caller="011" + LISTED[1:]),
    Expected("a listed caller, with 00", 603, "block", "d-listed", caller="00" + LISTED[1:]),
    Expected("an entry that ran out", 200, "allow", caller=EXPIRED),
    Expected("a listed prefix", 603, "block", "d-listed", caller="+13015551234"),
    Expected("a listed range, first", 603, "block", "d-listed", caller="+13015552000"),
    Expected("a listed range, last", 603, "block", "d-listed", caller="+13015552099"),
    Expected("behind a listed range", 200, "allow", caller="+13015552100"),
    Expected("an exact caller", 607, "block", "d-exact", caller="+13015550003"),
    Expected("a called prefix", 403, "block", "d-premium", called="+19005550000"),
    Expected("a called prefix, national", 403, "block", "d-premium", called="9005550000"),
    Expected("an excluded called number", 200, "allow", called="+19005550199"),
    Expected("anonymous by word", 200, "flag", "d-anonymous", caller="anonymous"),
    Expected("anonymous by keypad", 200, "flag", "d-anonymous", caller="266696687"),
    Expected("no number at all", 200, "flag", "d-anonymous", caller=""),
    Expected("withheld by Privacy", 200, "flag", "d-anonymous", headers=(
        ("P-Asserted-Identity", "<sip:+13015550100@carrier.test>"), ("Privacy", "id"))),
    Expected("A attested", 200, "allow", trunk="gateway-b", headers=passed("A")),
    Expected("C attested", 480, "block", "d-gateway-c", trunk="gateway-b", headers=passed("C")),
    Expected("C attested on an untrusted trunk", 200, "allow", headers=passed("C")),
    Expected("a failed verification", 438, "block", "d-failed", trunk="gateway-b",
             headers=(("X-Twilio-VerStat", "TN-Validation-Failed-A"),)),
    Expected("C by the carrier's indicator", 480, "block", "d-gateway-c", trunk="gateway-b",
             headers=(("P-Attestation-Indicator", "C"),)),
    Expected("a source address", 403, "block", "d-address", trunk="customer",
             caller="+13015550004"),
    Expected("an allow rule ahead", 200, "allow", "d-friend", caller="+13015551111"),
    Expected("a monitor rule", 200, "allow", caller="+13015553000"),
    Expected("a rule that ran out", 200, "allow", caller="+13015550005"),
    Expected("a rule that is off", 200, "allow", caller="+13015550006"),
    Expected("911 by a listed caller", 200, "allow", caller=LISTED, called="911"),
    Expected("112 by a listed caller", 200, "allow", caller=LISTED, called="112"),
    Expected("the admin's emergency number", 200, "allow", caller=LISTED, called="+13015559110"),
    Expected("a public-safety caller", 200, "allow", caller="+13015551300"),
    Expected("a prompt, then 603", 603, "intercept", "d-intercept", caller="+13015550007"),
    Expected("a notice, then on to the callee", 200, "intercept", "d-notice",
             caller="+13015550008"),
    Expected("a notice, then a diversion", 486, "intercept", "d-notice-desk",
             caller="+13015550009"),
    Expected("a diversion", 486, "divert", "d-desk", caller="+13015550010"),
    Expected("a diversion to nowhere", 200, "divert", "d-nowhere", caller="+13015550011"),
    Expected("a name full of dialplan", 200, "allow",
             caller_name='a,b"c;${SHELL(id)}$[1/0](:0:1&|`\'%'),
    Expected("a Latin-1 name", 200, "allow", caller_name="Jos\u00e9".encode("latin-1")),
    Expected("a number that is none", 200, "allow", caller="not-a-number"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def rules(stage: Stage) -> Iterator[None]:
    """The rules that the table above speaks of, all by the command line or by hand."""
    admin = stage.ringfence.cli
    admin("trunk", "set", "gateway-b", "--attestation", "headers")
    admin("list", "add", "d-bad", LISTED, "+1301555123*", "+13015552000-+13015552099")
    admin("list", "add", "d-bad", "+13015551111")
    stage.ringfence.redis_cli("ZADD", "ringfence:list:d-old", "1000000000", EXPIRED)
    admin("list", "add", "emergency", "+13015559110")
    admin("list", "add", "public-safety", "+13015551300")
    admin("list", "add", "d-bad", "+13015551300")
    for words in (
        "d-listed --caller @d-bad --caller @d-old --action block --basis analytics",
        "d-exact --caller +13015550003 --action block --basis subscriber",
        "d-premium --called +1900* --called !+19005550199 --action block",
        "d-anonymous --caller anonymous --action flag --label NONE --trunk carrier-a",
        "d-gateway-c --trunk gateway-* --attestation C --action block --sip 480",
        "d-failed --verification failed --action block --basis identity",
        "d-address --source-ip 127.77.0.0/16 --trunk customer --action block",
        "d-friend --caller +13015551111 --action allow --priority 10",
        "d-monitor --caller +13015553000 --action block --mode monitor",
        "d-off --caller +13015550006 --action block",
        "d-intercept --caller +13015550007 --action intercept --prompt vm-goodbye --sip 603",
    ):
        admin("rule", "add", *words.split())
    for name, words in (
        (
            "d-notice",
            '"action":"intercept","when":{"caller":"+13015550008"},'
            '"respond":{"prompt":["beep","beep"],"then":"continue","language":"en"}',
        ),
        (
            "d-notice-desk",
            '"action":"intercept","when":{"caller":"+13015550009"},'
            '"respond":{"prompt":"beep","then":"divert","context":"d-desk","extension":"1"}',
        ),
        (
            "d-desk",
            '"action":"divert","when":{"caller":"+13015550010"},"respond":{"context":"d-desk"}',
        ),
        (
            "d-nowhere",
            '"action":"divert","when":{"caller":"+13015550011"},"respond":{"context":"d-nowhere"}',
        ),
    ):
        stage.ringfence.redis_cli("HSET", "ringfence:rules", name, f"{{{words}}}")
    stage.lab.reload_dialplan(extra_dialplan="[d-desk]\nexten => _X!,1,PJSIPHangup(486)\n")
    admin("rule", "disable", "d-off")
    with stage.ringfence.in_force("d-expired"):
        stage.ringfence.redis_cli(
            "HSET", "ringfence:rules", "d-expired",
            '{"action":"block","expires_at":"2020-01-01T00:00:00Z","when":{"caller":"+13015550005"}}',
        )  # fmt: skip
    yield
    ids = [rule["id"] for rule in stage.ringfence.cli_json("rule", "list")]
    admin("rule", "remove", *(each for each in ids if each.startswith("d-")))
    stage.ringfence.redis_cli(
        "DEL", *(f"ringfence:list:{n}" for n in ("d-bad", "d-old", "emergency", "public-safety"))
    )
    admin("trunk", "remove", "gateway-b")


@pytest.mark.parametrize("expected", CALLS, ids=lambda call: call.name)
async def test_both_doors_give_the_same_verdict(
    stage: Stage, place: Callable[..., Any], expected: Expected
) -> None:
    seen = []
    for door in ("agi", "ari"):
        result = await place(
            door=door, trunk=expected.trunk, caller=expected.caller, called=expected.called,
            caller_name=expected.caller_name, headers=expected.headers, talk=0.0,
            from_params=expected.from_params,
        )  # fmt: skip
        record = stage.ringfence.record(result.call_id)
        assert record["door"] == door
        assert record["outcome"] == "applied"
        seen.append((result.status, record["action"], record.get("rule", "")))
    assert seen == [(expected.sip, expected.action, expected.rule)] * 2, stage.lab.log_tail()
