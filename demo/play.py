"""Plays one scene: the admin's part, the call, and what the log says came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from demo.keypad import Keypad
from demo.scenes import CARRIER_HEADER, Scene
from demo.stage import Stage
from lab import CallResult, SipCaller


@dataclass(frozen=True)
class Played:
    """A scene and what came of it; `faults` is empty where all is as it should be."""

    scene: Scene
    result: CallResult
    verdict: str
    rule: str
    attestation: str
    signer: str
    unproven: str
    noted: str
    outcome: str
    screening_ms: float
    faults: tuple[str, ...]


class Player:
    """Plays scenes on a stage, with one caller a trunk."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._callers: dict[str, SipCaller] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Player:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    async def play(self, scene: Scene) -> Played:
        """Place the scene's call and look what came of it."""
        caller = self._callers.get(scene.trunk)
        if caller is None:
            caller = await self._open.enter_async_context(self._stage.lab.caller(scene.trunk))
            self._callers[scene.trunk] = caller
        headers = [("X-Lab-Door", scene.door)]
        if scene.attestation:
            headers.append((CARRIER_HEADER, scene.attestation))
        if scene.signature:
            headers.append(scene.signature(self._stage.lab.shaken, scene.caller, scene.called))
        act = Keypad(self._stage.lab, scene.presses) if scene.presses else None
        with scene.during(self._stage.ringfence):
            result = await caller.call(
                caller=scene.caller, called=scene.called, caller_name=scene.caller_name,
                headers=headers, talk=0.3, act=act,
            )  # fmt: skip
            logged = self._logged(result) if scene.verdict else {}
        # what is known of a signature stands in the call's record alone
        record = self._stage.ringfence.record(result.call_id) if scene.signature else {}
        return Played(
            scene=scene,
            result=result,
            verdict=logged.get("action", ""),
            rule=logged.get("rule", ""),
            attestation=logged.get("attestation", "-"),
            signer=record.get("signer", ""),
            unproven=record.get("attestation_reason", ""),
            noted=logged.get("noted", ""),
            outcome=logged.get("outcome", ""),
            screening_ms=logged.get("ms", 0.0),
            faults=tuple(_faults(scene, result, logged, record)),
        )

    def _logged(self, result: CallResult) -> dict[str, Any]:
        """The call's line in Ringfence's log: there at once, also while Redis is away."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            lines = self._stage.ringfence.log()
            found[:] = [line for line in lines if line.get("sip_call_id") == result.call_id]
            return bool(found)

        self._stage.ringfence.wait_until(there, "the call's line in the log")
        return found[0]


def _faults(
    scene: Scene, result: CallResult, logged: dict[str, Any], record: dict[str, Any]
) -> Iterator[str]:
    checks = (
        ("SIP response", scene.sip, result.status),
        ("verdict", scene.verdict, logged.get("action", "")),
        ("rule", scene.rule, logged.get("rule", "")),
        ("noted", scene.noted, logged.get("noted", scene.noted) if scene.noted else ""),
        ("outcome", scene.outcome, logged.get("outcome", "") if scene.outcome else ""),
        ("signer", scene.signer, record.get("signer", "")),
        ("unproven", scene.unproven, record.get("attestation_reason", "")),
        ("talked", scene.talks, result.rtp_packets > 0 if scene.talks else False),
        ("early media", scene.early_media, result.early_rtp_packets > 0),
    )
    for what, wanted, got in checks:
        if wanted != got:
            yield f"{what} is {got!r}, not {wanted!r}"
