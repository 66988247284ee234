"""``agi://host:port/screen``: one call in, one verdict out, in one round trip.

The door reports, the dialplan acts: what goes back is one variable, see `ringfence.answer`. A
challenge alone takes several commands, see `agi.challenge`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from agi.challenge import Challenger
from agi.protocol import Environment, command
from agi.session import LATE, Answer, Entry, Session, Talk
from ringfence.answer import PASS_VARIABLES, VERDICT_VARIABLE, assignments, passes
from ringfence.call import parse_facts
from ringfence.screening import Screened, Screener
from ringfence.verdict import Action

_PASS = f'SET VARIABLE "{PASS_VARIABLES}"'


def screen_entry(
    screener: Screener, record: Callable[[Screened, str], None], challenger: Challenger
) -> Entry:
    """The entry point. `record` gets every call with its outcome, after Asterisk has the answer:
    ``applied``, ``hung-up`` (the caller left first) or ``late`` (the dialplan went on alone); of a
    challenge ``passed`` or ``failed``.
    """

    def screen(environment: Environment) -> Answer | Talk:
        facts = environment.arguments[0] if environment.arguments else ""
        attempt = parse_facts(facts, channel=environment.channel, uniqueid=environment.uniqueid)
        screened = screener.screen(attempt, "agi")
        if not isinstance(screened, Screened):
            return partial(wait_for, screened)
        if screened.verdict.action is Action.CHALLENGE:
            return partial(challenge, screened)
        return answer_to(screened)

    def answer_to(screened: Screened) -> Answer:
        verdict = screened.verdict
        if passes(verdict):
            # Both are digits, of our own making or checked when they came in.
            answer = f'{_PASS} "{screened.id},{screened.attempt.timeout}"\n'.encode()
        else:
            answer = command("SET VARIABLE", VERDICT_VARIABLE, assignments(verdict, screened.id))
        return Answer(answer, partial(tell, screened))

    async def wait_for(counting: Coroutine[Any, Any, Screened], session: Session) -> Answer | None:
        screened = await counting
        if screened.verdict.action is not Action.CHALLENGE:
            return answer_to(screened)
        await challenge(screened, session)
        return None

    async def challenge(screened: Screened, session: Session) -> None:
        outcome = "late"
        try:
            outcome = await challenger.hold(screened, session)
        finally:
            # cut off, or a fault of ours: screened it was, so it has its record
            record(screened, outcome)

    def tell(screened: Screened, applied: bool, age: float) -> None:
        record(screened, "applied" if applied else "late" if age >= LATE else "hung-up")

    return screen
