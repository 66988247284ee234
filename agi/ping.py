"""``agi://host:port/ping``: is the door open? For `ringfence doctor` and health checks."""

from __future__ import annotations

from agi.protocol import Environment, command
from agi.session import Session
from ringfence import __version__


async def ping(session: Session, environment: Environment) -> None:
    """Answer with the version, as a variable that a dialplan could read too."""
    await session.ask(command("SET VARIABLE", "RINGFENCE_VERSION", __version__))
