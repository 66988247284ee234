"""Does the FastAGI door answer? Asks its `ping`, so that no call is screened for it."""

from __future__ import annotations

import asyncio
import os
import re

from ringfence import __version__
from ringfence.doctor.finding import Finding, fail, ok, warn
from ringfence.settings import Address

PART = "agi"
SECONDS = 1.0
_GREETING = b"agi_network: yes\nagi_network_script: ping\nagi_channel: doctor\n\n"
_ANSWER = re.compile(rb'SET VARIABLE "RINGFENCE_VERSION" "([^"]{1,32})"')


async def examine_agi(bind: Address) -> Finding:
    """Connect as Asterisk would, and say goodbye."""
    at = bind._replace(host="127.0.0.1") if bind.host in ("0.0.0.0", "::", "") else bind
    try:
        async with asyncio.timeout(SECONDS):
            line = await _ask(at)
    except TimeoutError:
        return fail(PART, f"what listens at {at} does not answer", "restart `ringfence serve`")
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        return fail(PART, f"nothing listens at {at} ({why})", "start `ringfence serve`")
    match = _ANSWER.match(line)
    if not match:
        return fail(
            PART, f"what listens at {at} is not Ringfence", "stop it, or set agi.bind elsewhere"
        )
    if match[1].decode() != __version__:
        return warn(PART, f"at {at} runs version {match[1].decode()}, this is {__version__}",
                    "restart `ringfence serve`")  # fmt: skip
    return ok(PART, f"answers at {at}, version {__version__}")


async def _ask(at: Address) -> bytes:
    reader, writer = await asyncio.open_connection(*at)
    try:
        writer.write(_GREETING)
        line = await reader.readline()
        writer.write(b"200 result=1\n")
        return line
    except ValueError:  # a line without end
        return b""
    finally:
        writer.close()
