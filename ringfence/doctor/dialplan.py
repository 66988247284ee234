"""Reads what Asterisk has loaded of our dialplan, and who calls it. Pure: it gets the answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from dialplan import ringfence_conf
from ringfence.doctor.finding import Finding, fail, ok, warn

PART = "dialplan"
# priority, label and application of a line of extensions.conf
_LINE = re.compile(r"(?:exten\s*=>\s*[^,]+,|same\s*=>\s*)\w+(?:\([\w-]+\))?,(?P<does>.+)")
_COPY = "copy ringfence.conf anew: ringfence init DIR, then `asterisk -rx 'dialplan reload'`"

Priority = dict[str, str]
"""A ListDialplan event: extension, application, appdata."""


def examine_include(loaded: Sequence[Priority]) -> list[Finding]:
    """Is the include there, the one of this version, and is its wait bounded?"""
    if not loaded:
        return [
            fail(
                PART,
                "there is no context ringfence: no call is screened",
                "#include ringfence.conf in extensions.conf (ringfence init writes it)",
            )
        ]
    findings = [ok(PART, "ringfence.conf is included")]
    data = [each.get("appdata", "") for each in loaded]
    extensions = {each.get("extension") for each in loaded}
    bounded = any("TIMEOUT(absolute)=" in text and "DEADLINE" in text for text in data)
    if not (bounded and "T" in extensions):
        findings.append(
            fail(PART, "nothing bounds the wait for a verdict: a hung door holds calls", _COPY)
        )
    elif not any("AGIEXITONHANGUP=yes" in text for text in data):
        findings.append(fail(PART, "AGIEXITONHANGUP is not set: a hung AGI holds calls", _COPY))
    else:
        findings.append(ok(PART, "the wait for a verdict is bounded"))
    if Counter(_shipped()) != Counter(_normal(each) for each in loaded):
        findings.append(warn(PART, "ringfence.conf is not that of this version", _COPY))
    return findings


def examine_users(everything: Iterable[Priority]) -> Finding:
    """Does any context of the admin's send calls through ours?"""
    users = sorted({
        each.get("context", "")
        for each in everything
        if each.get("application") in ("Gosub", "GosubIf")
        and each.get("context") != "ringfence"
        and re.search(r"\bringfence,screen\b", each.get("appdata", ""))
    })  # fmt: skip
    if not users:
        return warn(
            PART,
            "no context calls Gosub(ringfence,screen,…): no call is screened",
            "exten => _X.,1,Gosub(ringfence,screen,1(${EXTEN})) in the context of your trunk",
        )
    return ok(PART, f"screens calls of {', '.join(users[:8])}")


def _shipped() -> list[str]:
    found = []
    for line in ringfence_conf().splitlines():
        text = re.sub(r"(?<!\\);.*", "", line).strip()
        if match := _LINE.fullmatch(text):
            found.append(_bare(match["does"]))
    return found


def _normal(each: Priority) -> str:
    return _bare(f"{each.get('application', '')}({each.get('appdata', '')})")


def _bare(text: str) -> str:
    # blanks at the ends and Asterisk's own cut at long values are no difference
    return re.sub(r"\s+", "", text).replace("\\;", ";")[:200]
