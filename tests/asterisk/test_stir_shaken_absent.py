"""An Asterisk that was built or configured without its STIR/SHAKEN verifier."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from demo.stage import Stage

pytestmark = pytest.mark.asterisk

CALLER, CALLED = "+12125550142", "12025550100"


async def test_an_asterisk_without_the_verifier_logs_nothing_unless_it_is_asked_for() -> None:
    template = (Path(lab.__file__).parent / "etc" / "modules.conf").read_text()
    kept = [line for line in template.splitlines() if "stir_shaken" not in line]
    bare = Stage(
        files={"modules.conf": "\n".join(kept).replace("@@{extra}", "")},
        globals={"RINGFENCE_HEADERS": "P-Asserted-Identity"},
        set_var={"gateway-b": {"RINGFENCE_STIR_SHAKEN": "yes"}},
        purpose="tests",
    )
    with bare as stage:
        stage.ringfence.start()

        async def call(trunk: str, door: str) -> bool:
            async with stage.lab.caller(trunk) as caller:
                headers = [("X-Lab-Door", door), ("Identity", "a.b.c;info=<x>")]
                result = await caller.call(caller=CALLER, called=CALLED, headers=headers, talk=0.0)
            return result.answered

        assert await call("carrier-a", "agi")
        assert await call("carrier-a", "ari")
        assert stage.lab.warnings() == []
        # asked for what is not there: the call goes on, and Asterisk says what is missing
        assert await call("gateway-b", "agi")
        assert all("STIR_SHAKEN not registered" in line for line in stage.lab.warnings())
        assert stage.lab.warnings()
