"""Values that are compared letter by letter: names of trunks and providers, caller names, origids.

Knows nothing of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ringfence.call import Call
from ringfence.lists import Entry
from ringfence.rules.conditions.condition import Compiled, Condition, Key, Lists
from ringfence.rules.conditions.pattern import compile_pattern

ENDPOINT_PATTERN = re.compile(r"[A-Za-z0-9_.@*-]{1,80}", re.ASCII)
ORIGID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
SIGNER = re.compile(r"[A-Za-z0-9]{1,10}", re.ASCII)
MAX_TEXT = 128
"""Characters of a caller name or user agent that a pattern is held against."""
SHOWN = 64
"""Characters of a stranger's text that go into the evidence."""

_Text = Callable[[Call], str]


def trunk_value(field: str, text: str) -> Compiled:
    """An endpoint's name, ``*`` allowed; the index finds one without."""
    if not ENDPOINT_PATTERN.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no endpoint's name: letters, digits, _ . @ -, and *")
    if "*" in text:
        return Compiled(_like(text, lambda call: call.trunk))
    return Compiled(
        lambda call, lists, now: text if call.trunk == text else "", Key("trunk", Entry(text))
    )


def provider_value(field: str, text: str) -> Compiled:
    """A provider as the trunk's settings name it, ``*`` allowed."""
    _something(text)
    if "*" in text:
        return Compiled(_like(text, lambda call: call.provider))
    return Compiled(lambda call, lists, now: text if call.provider == text else "")


def caller_name_value(field: str, text: str) -> Compiled:
    """A caller name as it came, or ``~`` and a pattern that is found in it."""
    return Compiled(_written_or_found(text, lambda call: call.caller_name))


def user_agent_value(field: str, text: str) -> Compiled:
    """A User-Agent header as it came, or ``~`` and a pattern that is found in it."""
    return Compiled(_written_or_found(text, lambda call: call.user_agent))


def origid_value(field: str, text: str) -> Compiled:
    """An origination id of a verified attestation; a UUID's case means nothing (RFC 9562)."""
    if not ORIGID.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no origid: letters, digits and -, mostly a UUID")
    wanted = text.lower()
    return Compiled(
        lambda call, lists, now: text if call.attestation.origid.lower() == wanted else ""
    )


def signer_value(field: str, text: str) -> Compiled:
    """The service provider code (SPC) of the certificate that signed (RFC 8226, ATIS-1000080)."""
    wanted = _provider_code(text)
    return Compiled(
        lambda call, lists, now: text if call.attestation.signer.upper() == wanted else ""
    )


def diverter_value(field: str, text: str) -> Compiled:
    """The code of one who sent the call on to another number, and signed that (RFC 8946)."""
    wanted = _provider_code(text)

    def test(call: Call, lists: Lists, now: float) -> str:
        return text if any(spc.upper() == wanted for spc in call.attestation.diverters) else ""

    return Compiled(test)


def _provider_code(text: str) -> str:
    if not SIGNER.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no SPC: up to 10 letters and digits, such as 818H")
    return text.upper()


def _written_or_found(text: str, of: _Text) -> Condition:
    _something(text)
    if not text.startswith("~"):
        return lambda call, lists, now: text if of(call) == text else ""
    if text == "~":
        raise ValueError("~ is followed by a pattern, such as ~(?i)refund")
    found = compile_pattern(text[1:], MAX_TEXT)

    def test(call: Call, lists: Lists, now: float) -> str:
        given = of(call)
        return f"{text} ({given[:SHOWN]})" if found(given) else ""

    return test


def _something(text: str) -> None:
    if not text:
        raise ValueError("nothing stands after the !")


def _like(text: str, of: _Text) -> Condition:
    first, *middle, last = (re.escape(part) for part in re.split(r"\*+", text))
    # Atomic groups: each part is taken where it first stands, so no name makes the search go back.
    inner = "".join(f"(?>.*?{part})" for part in middle)
    pattern = re.compile(f"{first}{inner}.*{last}", re.DOTALL)

    def test(call: Call, lists: Lists, now: float) -> str:
        given = of(call)
        return f"{text} ({given[:SHOWN]})" if pattern.fullmatch(given) else ""

    return test
