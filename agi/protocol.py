"""AGI as Asterisk speaks it (res_agi, 1.8 to 22), free of I/O: bytes in, messages out.

Reads what may come from any peer that can reach the port, so it is bounded and lenient: a header
line without a colon is left out, text that is not UTF-8 is read as Latin-1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HEADER = 32_768
"""Bytes of the environment that Asterisk sends first; its arguments take up to 8,192 of them."""
MAX_REPLY = 4_096

# "520-" opens several lines of usage; their last one, "520 End", is the reply.
_REPLY = re.compile(rb"(\d{3}) (?:result=(-?\d{1,9})(?: \(([^\r\n]*)\))?)?")


class ProtocolError(ValueError):
    """The peer does not speak AGI, or sends more than anyone's Asterisk would."""


class Environment(NamedTuple):
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
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > MAX_REPLY:
            raise ProtocolError(f"a reply line of more than {MAX_REPLY} bytes")
        for line in lines:
            # HANGUP may stand between a command and its reply, or be all that comes.
            if line.startswith(b"HANGUP"):
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
    if b"\nagi_callerid: " not in buffer:
        return buffer.find(b"\n\n")
    thread = buffer.rfind(b"\nagi_threadid: ")
    match = _BLANK.search(buffer, thread) if thread >= 0 else None
    return match.start() if match else -1


_BLANK = re.compile(rb"\n\n(?=\Z|HANGUP|\d{3}[ -])")
_LINE = re.compile(
    rb"^agi_(network_script|channel|uniqueid|arg_(\d{1,3})): ([^\r\n]*)", re.MULTILINE
)
_ANY_LINE = re.compile(rb"^agi_[a-z0-9_]+: ", re.MULTILINE)


def parse_environment(header: bytes) -> Environment:
    """Read the ``agi_*`` lines. ProtocolError where there is not one.

    A caller name with a newline in it could forge a line. What Asterisk writes before the name
    counts the first time, the arguments, which come after it, the last time.
    """
    if not _ANY_LINE.search(header):
        raise ProtocolError("no agi_ line: the peer is not Asterisk")
    values: dict[bytes, bytes] = {}
    for name, number, value in _LINE.findall(header):
        if number or name not in values:
            values[name] = value
    arguments: list[str] = []
    while (argument := values.get(b"arg_%d" % (len(arguments) + 1))) is not None:
        arguments.append(_text(argument))
    return Environment(
        script=_text(values.get(b"network_script", b"")).partition("?")[0].strip("/"),
        channel=_text(values.get(b"channel", b"")),
        uniqueid=_text(values.get(b"uniqueid", b"")),
        arguments=tuple(arguments),
    )


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
