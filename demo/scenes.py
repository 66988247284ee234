"""The calls of the demo in their order, each with what changes before it and what must come of it.

Knows what an admin types; nothing of processes or of how a row looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from demo.keypad import Presses
from demo.ringfence import Ringfence
from lab.shaken import Authority, Shaken

CALLEE = "+12025550100"
CARRIER_HEADER = "P-Attestation-Indicator"
"""What the carriers of this demo put their attestation into."""

DIALPLAN = """
[fraud-desk]
exten => _[+0-9].,1,Dial(PJSIP/12025550199@callee,20)
"""
"""A context of the admin's own, for calls that a rule sends there."""

Admin = Callable[[Ringfence], None]
Misfortune = Callable[[Ringfence], AbstractContextManager[None]]
Signature = Callable[[Shaken, str, str], tuple[str, str]]
"""The Identity header of a call, by who calls whom."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One call. `before` is what the admin does first, `during` what goes wrong meanwhile.

    `verdict` and `rule` are what the call log must say, `sip` the final SIP response. A challenged
    caller `presses` the right digit or wrong ones, and the challenge has that `outcome`. A call
    with a `signature` is shown to be `signer`'s, or to be `unproven` for that reason.
    """

    title: str
    caller: str
    sip: int
    verdict: str
    rule: str = ""
    called: str = CALLEE
    caller_name: str = ""
    trunk: str = "carrier-a"
    door: str = "agi"
    attestation: str = ""
    signature: Signature | None = None
    signer: str = ""
    unproven: str = ""
    noted: str = ""
    talks: bool = False
    early_media: bool = False
    presses: Presses = ""
    outcome: str = ""
    before: Sequence[Admin] = ()
    during: Misfortune = field(default=lambda ringfence: nullcontext())


def command(*words: str) -> Admin:
    """A `ringfence` command."""
    return lambda ringfence: ringfence.admin(*words)


def by_hand(*words: str) -> Admin:
    """A change by `redis-cli`."""
    return lambda ringfence: ringfence.admin_by_hand(*words)


def signed(spc: str = "818H", **how: Any) -> Signature:
    """By the provider with that code."""
    return lambda shaken, caller, called: shaken.identity(caller, called, spc=spc, **how)


def forged(shaken: Shaken, caller: str, called: str) -> tuple[str, str]:
    """In the name of an honest provider, with a key of the forger's own."""
    forger = Authority("Forger").signer("818H")
    return shaken.identity(caller, called, credential=forger, x5u=shaken.x5u())


def passed_is_in_force(ringfence: Ringfence) -> None:
    """Wait for what nobody typed: the list of callers who passed a challenge."""
    ringfence.wait_until(
        lambda: any("passed" in line.get("changed", ()) for line in ringfence.log()),
        "the list of who passed",
    )


@contextmanager
def redis_killed(ringfence: Ringfence) -> Iterator[None]:
    """SIGKILL to Valkey; Ringfence's own watch over it brings it back after the call."""
    with ringfence.without_redis():
        yield


@contextmanager
def ringfence_killed(ringfence: Ringfence) -> Iterator[None]:
    """SIGKILL to Ringfence, and a new start after the call."""
    ringfence.kill()
    yield
    ringfence.start()


LISTED = "+12125550142"
PREMIUM = "+19005550100"
ROBOT = "+18095550177"
HARD_SELL = "+13105550177"
SIGNED = "+17035550142"
_BY_HAND = '{"action": "block", "basis": "subscriber", "when": {"caller": "+13105550177"}}'

SCENES = (
    Scene(
        title="a normal call is answered, and both sides talk",
        caller="+16465550111", attestation="A", sip=200, verdict="allow", talks=True,
        before=[command("trunk", "set", "carrier-a", "--attestation", "ringfence",
                        "--attestation", "headers"),
                command("trunk", "set", "gateway-b", "--attestation", "ringfence",
                        "--attestation", "headers")],
    ),
    Scene(
        title="the same through ARI",
        caller="+16465550111", attestation="A", door="ari", sip=200, verdict="allow", talks=True,
    ),
    Scene(
        title="a listed caller is dropped",
        caller=LISTED, attestation="B", sip=603, verdict="block", rule="scammers",
        before=[command("list", "add", "scammers", LISTED, "+1212555020*"),
                command("rule", "add", "scammers", "--caller", "@scammers", "--action", "block",
                        "--basis", "analytics", "--note", "coronavirus test-kit campaign")],
    ),
    Scene(
        title="a caller under a listed prefix is dropped, through ARI",
        caller="+12125550207", door="ari", sip=603, verdict="block", rule="scammers",
    ),
    Scene(
        title="a premium number is never dialled",
        caller="+12025550100", called=PREMIUM, trunk="customer", sip=403, verdict="block",
        rule="premium",
        before=[command("rule", "add", "premium", "--called", "+1900*", "--action", "block")],
    ),
    Scene(
        title="an anonymous call goes on with a label",
        caller="anonymous", caller_name="Anonymous", door="ari", sip=200, verdict="flag",
        rule="anonymous",
        before=[command("rule", "add", "anonymous", "--caller", "anonymous", "--action", "flag",
                        "--label", "NO NUMBER")],
    ),
    Scene(
        title="a signed call: the certificate is fetched, the signature checked, and A has passed",
        caller=SIGNED, signature=signed(), signer="818H", sip=200, verdict="allow", talks=True,
    ),
    Scene(
        title="a gateway's C-signed call hears a prompt in early media, then 603",
        caller="+13055550123", trunk="gateway-b", signature=signed("709J", attest="C"),
        signer="709J", door="ari", sip=603, verdict="intercept", rule="covid-gateway",
        early_media=True,
        before=[command("rule", "add", "covid-gateway", "--trunk", "gateway-*",
                        "--attestation", "C", "--action", "intercept", "--basis", "analytics",
                        "--prompt", "ss-noservice")],
    ),
    Scene(
        title="a forged signature is refused",
        caller=SIGNED, signature=forged, unproven="bad-signature", sip=438, verdict="block",
        rule="unproven",
        before=[command("rule", "add", "unproven", "--verification", "failed", "--action", "block",
                        "--basis", "identity")],
    ),
    Scene(
        title="a signature of two minutes ago is refused as stale, through ARI",
        caller=SIGNED, signature=signed(age=120), unproven="stale", door="ari", sip=403,
        verdict="block", rule="unproven",
    ),
    Scene(
        title="an A-signed call through a good trunk, by a provider that is to be cut off",
        caller="+12405550166", signature=signed("0007"), signer="0007", sip=403, verdict="block",
        rule="provider-0007",
        before=[command("rule", "add", "provider-0007", "--signer", "0007", "--action", "block",
                        "--basis", "provider-order", "--note", "ordered to block its calls")],
    ),
    Scene(
        title="an announcement in early media, and the call goes on",
        caller="+12065550155", sip=200, verdict="intercept", rule="please-hold", early_media=True,
        talks=True,
        before=[command("rule", "add", "please-hold", "--caller", "+1206*", "--action", "intercept",
                        "--prompt", "pls-hold-while-try",
                        "--then", "continue")],
    ),
    Scene(
        title="a doubtful call is diverted to the fraud desk, through ARI",
        caller="+13055550188", door="ari", sip=200, verdict="divert", rule="to-desk", talks=True,
        before=[command("rule", "add", "to-desk", "--caller", "+13055550188", "--action", "divert",
                        "--context", "fraud-desk")],
    ),
    Scene(
        title="a caller like those of dialling machines is asked for a digit, and presses it",
        caller=ROBOT, sip=200, verdict="challenge", rule="robots", presses="right",
        outcome="passed", talks=True,
        before=[command("rule", "add", "robots", "--caller", "+1809*", "--action", "challenge",
                        "--basis", "analytics")],
    ),
    Scene(
        title="... and is remembered, through ARI too",
        caller=ROBOT, door="ari", sip=200, verdict="allow", rule="robots", talks=True,
        before=[passed_is_in_force],
    ),
    Scene(
        title="another one presses wrong digits, through ARI, and is hung up on",
        caller="+18095550178", door="ari", sip=200, verdict="challenge", rule="robots",
        presses="wrong", outcome="failed", talks=True,
    ),
    Scene(
        title="the bad upstream trunk is cut off",
        caller="+13055550124", trunk="gateway-b", attestation="A", sip=403, verdict="block",
        rule="cut-off",
        before=[command("rule", "add", "cut-off", "--trunk", "gateway-b", "--action", "block",
                        "--basis", "provider-notice", "--note", "48 hours have passed")],
    ),
    Scene(
        title="... but never its emergency calls",
        caller="+13055550124", called="911", trunk="gateway-b", attestation="A", sip=200,
        verdict="allow",
    ),
    Scene(
        title="a caller before the rule by redis-cli",
        caller=HARD_SELL, attestation="B", sip=200, verdict="allow",
    ),
    Scene(
        title="the same call after it",
        caller=HARD_SELL, attestation="B", sip=607, verdict="block", rule="by-hand",
        before=[by_hand("HSET", "ringfence:rules", "by-hand", _BY_HAND)],
    ),
    Scene(
        title="a monitor rule only notes",
        caller="+14155550133", sip=200, verdict="allow", noted="try-out",
        before=[command("rule", "add", "try-out", "--caller", "+1415*", "--action", "block",
                        "--mode", "monitor")],
    ),
    Scene(
        title="Redis is killed: a listed caller is still dropped",
        caller=LISTED, attestation="B", sip=603, verdict="block", rule="scammers",
        during=redis_killed,
    ),
    Scene(
        title="Ringfence is killed: the next call is still put through",
        caller="+16465550112", sip=200, verdict="", during=ringfence_killed,
    ),
    Scene(
        title="and it is back: the listed caller is dropped, through ARI",
        caller=LISTED, attestation="B", door="ari", sip=603, verdict="block", rule="scammers",
    ),
)  # fmt: skip
