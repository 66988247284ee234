"""``agi://host:port/ping``: is the door open? For `ringfence doctor` and health checks."""

from __future__ import annotations

from agi.protocol import Environment, command
from agi.session import Answer
from ringfence import __version__


def ping(environment: Environment) -> Answer:
    """Answer with the version, as a variable that a dialplan could read too."""
    answer = command("SET VARIABLE", "RINGFENCE_VERSION", __version__)
    return Answer(answer, lambda applied, age: None)
