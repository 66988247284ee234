"""A capture with Identity headers as admins have it: a whole INVITE, or the headers alone.

Owns how such a text is read. Knows no token: whether a header is any good is not its affair.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ringfence.cli.refusals import Refused
from ringfence.numbers import bare

MAX_BYTES = 1_000_000
IDENTITY = "identity"

_REQUEST = re.compile(r"INVITE\s+(?P<uri>\S+)\s+SIP/2\.0\s*$")
# an address that was broken over two lines is no header named https
_HEADER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]*)\s*:(?!//)\s*(?P<value>.*)", re.DOTALL)
_SHORT = {"y": IDENTITY, "f": "from", "t": "to"}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

Header = tuple[str, str]


class Capture(NamedTuple):
    """What was found; "" and nothing for what was not. `headers` are all but the Identity headers,
    by their lower-case names, the first of each; `others` counts the INVITEs that were left out."""

    identities: tuple[str, ...]
    called: str
    caller: str
    caller_name: str
    headers: dict[str, str]
    others: int = 0

    @property
    def is_private(self) -> bool:
        """Whether the caller asked not to be shown (RFC 3325 section 9.3)."""
        return "id" in re.split(r"[;,\s]+", self.headers.get("privacy", "").lower())


def load_capture(source: str) -> Capture:
    """The capture in a file, or on stdin for ``-``. `Refused` where it cannot be read."""
    try:
        if source == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"{source}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise Refused(f"{source}: larger than {MAX_BYTES // 1_000_000} MB: cut one INVITE out")
    return read_capture(data)


def read_capture(data: bytes) -> Capture:
    """The first INVITE that has an Identity header, else the first; without any, all headers."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    invites = list(_invites(lines))
    if not invites:
        return _capture("", list(_headers(lines, in_invite=False)))
    signed = [one for one in invites if any(name == IDENTITY for name, _ in one[1])]
    return _capture(*(signed or invites)[0])._replace(others=len(invites) - 1)


def _invites(lines: list[str]) -> Iterator[tuple[str, list[Header]]]:
    """Request URI and headers of each; what a tool wrote around them is passed over."""
    for at, line in enumerate(lines):
        if not (request := _REQUEST.search(line)):
            continue
        indent = line[: len(line) - len(line.lstrip())]
        message = []
        for following in range(at + 1, len(lines)):
            each = lines[following]
            if not each.strip() or _REQUEST.search(each):
                break
            message.append(each.removeprefix(indent))
        yield request["uri"], list(_headers(message, in_invite=True))


def _headers(lines: Iterable[str], *, in_invite: bool) -> Iterator[Header]:
    """Names in lower case, and values without their folds. Outside of an INVITE a header without
    a name is an Identity header's value."""
    name, ended = "", False
    parts: list[str] = []
    for line in lines:
        text = line.strip()
        header = _HEADER.fullmatch(text)
        if not text:
            ended = True
            continue
        if in_invite:
            begins = header is not None and line[:1] not in (" ", "\t")
        else:
            # the second part of a token begins as the first does
            broken = bool(parts) and parts[-1].endswith(".")
            token = text.startswith(("eyJ", "..")) and not broken
            begins = header is not None or ended or not name or token
        if not begins:
            # RFC 3261 makes one space of a fold, which no token has; a mail or a terminal that
            # broke one in two added nothing of the kind
            folded = " " if line[:1] in (" ", "\t") and (in_invite or name != IDENTITY) else ""
            parts += folded, text
            continue
        if name:
            yield name, "".join(parts)
        ended = False
        if header is None:
            name, parts = IDENTITY, [text]
        else:
            name, parts = header["name"].lower(), [header["value"]]
            name = _SHORT.get(name, name)
    if name:
        yield name, "".join(parts)


def _capture(uri: str, found: list[Header]) -> Capture:
    headers: dict[str, str] = {}
    for name, value in found:
        if name != IDENTITY:
            headers.setdefault(name, value)
    caller = headers.get("p-asserted-identity") or headers.get("from", "")
    called = uri if _has_number(uri) else headers.get("to", "")
    return Capture(
        tuple(value for name, value in found if name == IDENTITY and value),
        bare(called),
        bare(caller),
        _display(caller),
        headers,
    )


def _display(address: str) -> str:
    """The name in front of an address, which may hold what looks like one."""
    if quoted := _QUOTED.match(address):
        return quoted[1]
    name, bracket, _ = address.partition("<")
    return name.strip() if bracket else ""


def _has_number(uri: str) -> bool:
    """A registered account is called as sip:name@host; whom the caller meant is in To then."""
    user = "@" in uri or uri.lower().startswith("tel:")
    return user and any(c.isdigit() for c in bare(uri))
