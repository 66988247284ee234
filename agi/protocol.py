"""AGI as Asterisk speaks it (res_agi, 1.8 to 22), free of I/O: bytes in, messages out.

Reads what may come from any peer that can reach the port, so it is bounded and lenient: a header
line without a colon is left out, text that is not UTF-8 is read as Latin-1.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple

import msgspec

MAX_HEADER = 32_768
"""Bytes of the environment that Asterisk sends first; its arguments take up to 8,192 of them."""
MAX_REPLY = 4_096

# "520-" opens several lines of usage; their last one, "520 End", is the reply.
_REPLY = re.compile(rb"(\d{3}) (?:result=(-?\d{1,9})(?: \(([^\r\n]*)\))?)?")


class ProtocolError(ValueError):
    """The peer does not speak AGI, or sends more than anyone's Asterisk would."""


class Environment(msgspec.Struct, frozen=True):
    """The ``agi_*`` lines: `script` is the path of the URL, `arguments` in their order."""

    script: str
    channel: str
    uniqueid: str
    arguments: tuple[str, ...]


class Reply(NamedTuple):
    """Asterisk's answer to a command; `ok` where the command ran and succeeded.

    `result` is the command's own, as a key's ASCII code; `value` is what stands in brackets
    behind it, as a variable's.
    """

    code: int
    ok: bool
    result: int = 0
    value: str = ""


class Hangup(NamedTuple):
    """The caller hung up, or the dialplan's deadline passed; Asterisk says both in one word."""


Message = Environment | Reply | Hangup
# What nearly every command is answered with.
_PLAIN: dict[bytes, Message] = {
    b"200 result=%d" % result: Reply(200, True, result) for result in (0, 1)
}


class AgiReader:
    """Turns the bytes of one connection into messages: an `Environment` first, then the rest."""

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes. ProtocolError ends the connection."""
        self._buffer += data
        messages: list[Message] = []
        if not self._greeted:
            end = _end_of_header(self._buffer)
            if end < 0:
                if len(self._buffer) > MAX_HEADER:
                    raise ProtocolError(f"more than {MAX_HEADER} bytes without an end of header")
                return messages
            if end > MAX_HEADER:
                raise ProtocolError(f"a header of more than {MAX_HEADER} bytes")
            messages.append(parse_environment(self._buffer[:end]))
            self._buffer = self._buffer[end + 2 :]
            self._greeted = True
            if not self._buffer:
                return messages
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > MAX_REPLY:
            raise ProtocolError(f"a reply line of more than {MAX_REPLY} bytes")
        for line in lines:
            # HANGUP may stand between a command and its reply, or be all that comes.
            if plain := _PLAIN.get(line):
                messages.append(plain)
            elif line.startswith(b"HANGUP"):
                messages.append(Hangup())
            elif match := _REPLY.match(line):
                code, result = int(match[1]), int(match[2] or 0)
                ok = code == 200 and match[2] not in (None, b"-1", b"-2")
                messages.append(Reply(code, ok, result, _text(match[3] or b"")))
        return messages


def _end_of_header(buffer: bytes) -> int:
    """Where the blank line is; -1 where it has not come yet.

    A number with newlines in it (SIP has %0a) makes one too early, and a call whose arguments are
    behind it would be screened without its facts. The last line of the thread comes after all that
    strangers write, and behind the true end there is nothing but what `feed` reads as messages.
    """
    thread = buffer.rfind(b"\nagi_threadid: ")
    if thread >= 0 and buffer.find(b"\n\n", thread) == len(buffer) - 2:
        return len(buffer) - 2  # nearly always
    if b"\nagi_callerid: " not in buffer:
        return buffer.find(b"\n\n")
    match = _BLANK.search(buffer, thread) if thread >= 0 else None
    return match.start() if match else -1


_BLANK = re.compile(rb"\n\n(?=\Z|HANGUP|\d{3}[ -])")
_ANY_LINE = re.compile(rb"^agi_[a-z0-9_]+: ", re.MULTILINE)


def parse_environment(header: bytes) -> Environment:
    """Read the ``agi_*`` lines. ProtocolError where there is not one.

    A caller name with a newline in it could forge a line. What Asterisk writes before the name
    counts the first time, the arguments, which come after it, the last time.
    """
    start = _START.match(header)
    if not (start or _ANY_LINE.search(header)):
        raise ProtocolError("no agi_ line: the peer is not Asterisk")
    script, channel, uniqueid = start.groups() if start else (_first(n, header) for n in _NAMES)
    # Only behind the thread's line there is nothing that a stranger wrote.
    lines = header[max(0, header.rfind(b"\nagi_threadid: ")) :].split(b"\n")
    if len(lines) == 3 and lines[2][:11] == b"agi_arg_1: ":
        arguments = [lines[2][11:]]
    else:
        arguments = _arguments(lines)
    return Environment(
        _text(script).partition("?")[0].strip("/"),
        _text(channel),
        _text(uniqueid),
        tuple([_text(argument.partition(b"\r")[0]) for argument in arguments]),
    )


# As Asterisk begins: read in one go, as a look for each line takes longer.
_START = re.compile(
    rb"agi_network: yes\nagi_network_script: ([^\r\n]*)\nagi_request: [^\n]*\n"
    rb"agi_channel: ([^\r\n]*)\nagi_language: [^\n]*\nagi_type: [^\n]*\n"
    rb"agi_uniqueid: ([^\r\n]*)\n"
)
_NAMES = ("network_script", "channel", "uniqueid")


def _first(name: str, header: bytes) -> bytes:
    found = re.search(rb"^agi_%b: ([^\r\n]*)" % name.encode(), header, re.MULTILINE)
    return found[1] if found else b""


def _arguments(lines: list[bytes]) -> list[bytes]:
    """The arguments in their order, up to a gap; of one that is there twice, the last."""
    values = dict(line.split(b": ", 1) for line in lines if b": " in line)
    names = (b"agi_arg_%d" % number for number in range(1, len(lines) + 1))
    return [values[name] for name in takewhile(values.__contains__, names)]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')


def command(name: str, *arguments: str) -> bytes:
    """One AGI command. Each argument is quoted; what could end it is taken out, and it is bounded.

    A newline would start a second command, a quote or backslash the next argument.
    """
    quoted = "".join([f' "{_UNSAFE.sub("", argument)[:2048]}"' for argument in arguments])
    return f"{name}{quoted}\n".encode("utf-8", "replace")
