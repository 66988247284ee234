"""``agi://host:port/screen``: one call in, one verdict out, in one round trip.

The door reports, the dialplan acts: all that goes back is one ``MSet`` of the variables in
`ringfence.answer`.
"""

from __future__ import annotations

from collections.abc import Callable

from agi.protocol import Environment, command
from agi.session import Entry, Session
from ringfence.answer import assignments
from ringfence.call import parse_facts
from ringfence.screening import Screened, Screener

LATE = 0.2
"""Seconds after which a vanished caller is taken for the dialplan's deadline, not for a hang-up."""


def screen_entry(screener: Screener, record: Callable[[Screened, str], None]) -> Entry:
    """The entry point. `record` gets every call with its outcome, after Asterisk has the answer:
    ``applied``, ``hung-up`` (the caller left first) or ``late`` (the dialplan went on alone).
    """

    async def screen(session: Session, environment: Environment) -> None:
        facts = environment.arguments[0] if environment.arguments else ""
        attempt = parse_facts(facts, channel=environment.channel, uniqueid=environment.uniqueid)
        screened = await screener.screen(attempt, "agi")
        applied = await session.ask(
            command("EXEC MSet", assignments(screened.verdict, screened.id, attempt.timeout))
        )
        session.close()
        outcome = "applied" if applied else "late" if session.age >= LATE else "hung-up"
        record(screened, outcome)

    return screen
