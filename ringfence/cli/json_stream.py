"""Reads JSON of any length piece by piece and knows in which line it is; not what it means."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any

CHUNK = 1 << 18
MAX_PIECE = 1 << 20
"""Characters of one value, such as a rule: no honest one comes near, and memory stays bounded."""

_PLAIN_ITEM = re.compile(r'[ \t\r\n]*"([^"\\\x00-\x1f]*)"[ \t\r\n]*,')
_ENDS = tuple(",]} \t\r\n:")
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonRefused(ValueError):  # noqa: N818 - the field's word
    """Not the JSON that was looked for; `line` is where."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class JsonStream:
    """A cursor in a JSON text: `names` of an object, `items` of an array, one `value`.

    Whoever asks for names takes the value of each before asking for the next.
    """

    def __init__(self, file: IO[bytes], chunk: int = CHUNK) -> None:
        self._file = file
        self._chunk = chunk
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._lines_before = 1
        self._ended = False
        self._began = 0

    @property
    def line(self) -> int:
        """Where the newest name or value begins."""
        return self._line(self._began)

    def names(self) -> Iterator[str]:
        """The names in an object, in their order."""
        self._take("{")
        if self._closes("}"):
            return
        while True:
            if self.peek() != '"':
                raise self.refused('a name in "quotes" is missing, or a comma is too many')
            name, _ = self.value()
            self._take(":")
            yield name
            if not self._goes_on("}"):
                return

    def items(self) -> Iterator[Any]:
        """The values in an array, each decoded when its turn comes."""
        self._take("[")
        if self._closes("]"):
            return
        while True:
            # a third of the time that a value at a time takes, and nearly all of a long file
            while plain := _PLAIN_ITEM.match(self._text, self._at):
                self._began, self._at = plain.start(1), plain.end()
                yield plain[1]
            yield self.value()[0]
            if not self._goes_on("]"):
                return

    def value(self) -> tuple[Any, str]:
        """The next value as a whole, and its text."""
        self.peek()
        while True:
            try:
                found, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._can_fill():
                    if len(self._text) - self._at > MAX_PIECE:
                        raise self.refused("a value of over a million characters: cut it") from None
                    raise JsonRefused(self._line(error.pos), f"no JSON: {error.msg}") from None
            except RecursionError:
                raise self.refused("no JSON that anybody wrote: nested too deeply") from None
            else:
                # a number may go on behind the end of what is read: 1 may be 1.5
                if self._text[end : end + 1] in _ENDS or not self._can_fill():
                    text = self._text[self._at : end]
                    self._began, self._at = self._at, end
                    return found, text

    def peek(self) -> str:
        """The next character that is no space; "" at the end of the text."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self.refused("something follows behind the end: take it out")

    def refused(self, reason: str) -> JsonRefused:
        """A refusal that names the line of the cursor."""
        return JsonRefused(self._line(self._at), reason)

    def _take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise self.refused(f"{wanted} is missing")
        self._at += 1

    def _closes(self, mark: str) -> bool:
        if self.peek() != mark:
            return False
        self._at += 1
        return True

    def _goes_on(self, end: str) -> bool:
        if self._closes(","):
            return True
        if not self._closes(end):
            raise self.refused(f"a comma or {end} is missing")
        return False

    def _can_fill(self) -> bool:
        return len(self._text) - self._at <= MAX_PIECE and self._fill()

    def _fill(self) -> bool:
        if self._ended:
            return False
        raw = self._file.read(self._chunk)
        self._ended = not raw
        try:
            more = self._decoder.decode(raw, final=self._ended)
        except UnicodeDecodeError:
            raise JsonRefused(
                self._line(len(self._text)), "not UTF-8 from here on: save it as UTF-8"
            ) from None
        self._lines_before += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + more
        self._began, self._at = max(0, self._began - self._at), 0
        return not self._ended or bool(more)

    def _line(self, position: int) -> int:
        return self._lines_before + self._text.count("\n", 0, position)
