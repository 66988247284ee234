"""``agi://host:port/screen``: one call in, one verdict out, in one round trip.

The door reports, the dialplan acts: what goes back is one variable, see `ringfence.answer`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from agi.protocol import Environment, command
from agi.session import Answer, Entry
from ringfence.answer import PASS_VARIABLES, VERDICT_VARIABLE, assignments, passes
from ringfence.call import parse_facts
from ringfence.screening import Screened, Screener

LATE = 0.2
"""Seconds after which a vanished caller is taken for the dialplan's deadline, not for a hang-up."""


def screen_entry(screener: Screener, record: Callable[[Screened, str], None]) -> Entry:
    """The entry point. `record` gets every call with its outcome, after Asterisk has the answer:
    ``applied``, ``hung-up`` (the caller left first) or ``late`` (the dialplan went on alone).
    """

    def screen(environment: Environment) -> Answer:
        facts = environment.arguments[0] if environment.arguments else ""
        attempt = parse_facts(facts, channel=environment.channel, uniqueid=environment.uniqueid)
        screened = screener.screen(attempt, "agi")
        verdict = screened.verdict
        if passes(verdict):
            answer = command("SET VARIABLE", PASS_VARIABLES, f"{screened.id},{attempt.timeout}")
        else:
            answer = command("SET VARIABLE", VERDICT_VARIABLE, assignments(verdict, screened.id))
        return Answer(answer, partial(tell, screened))

    def tell(screened: Screened, applied: bool, age: float) -> None:
        record(screened, "applied" if applied else "late" if age >= LATE else "hung-up")

    return screen
