"""The file of `ringfence export`: what admins keep, as JSON that is made to be read and compared.

Owns the format alone: no store, no command. One list entry a line and everything in a fixed order,
so that `diff` shows what changed and the same state always gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple

from ringfence.cli.export_sections import HASHES, SECTIONS, Section
from ringfence.cli.json_stream import JsonRefused, JsonStream
from ringfence.cli.list_contents import ListContents
from ringfence.cli.list_file import MOST_SHOWN, BadLine
from ringfence.lists import LIST_NAME, parse_entry
from ringfence.strict_json import refuse_repeated_names

MARK, FORMAT = "ringfence_export", 1
MAX_WIDTH = 80
TELL_EVERY = 10_000
LONG_TEXT = 16_000
_NO_EXPORT = f'this is no export of Ringfence\'s, which has "{MARK}": {FORMAT} in it'

Tell = Callable[[int], object]


class Exported(NamedTuple):
    """What a file holds: the sections that are hashes, as far as it has them, and the lists, None
    where it has no such section. `bad` counts what is not in order."""

    hashes: Mapping[str, dict[str, Any]]
    lists: dict[str, ListContents] | None
    bad: int
    shown: list[BadLine]
    run_out: int


def moment_text(expires: float) -> str:
    """An expiry as the file has it, in UTC."""
    return datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z")


def head() -> str:
    """How a file begins; sections follow, each with its name, then `tail`."""
    return f'{{\n"{MARK}": {FORMAT}'


def tail() -> str:
    """How a file ends."""
    return "\n}\n"


def hash_section(name: str, documents: Mapping[str, dict[str, Any]]) -> str:
    """The section of rules, of trunks, or of another hash."""
    return f',\n"{name}": {_rendered(dict(documents), "")}'


def _rendered(value: Any, indent: str) -> str:
    # json's own indent gives each value of `caller` a line: of few values one line is enough
    inner = indent + "  "
    if isinstance(value, dict) and value:
        parts = [f"{inner}{_text(name)}: {_rendered(value[name], inner)}" for name in sorted(value)]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list) and len(_text(value)) > MAX_WIDTH:
        return "[\n" + ",\n".join(inner + _text(each) for each in value) + f"\n{indent}]"
    return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def list_lines(name: str, contents: ListContents, *, first: bool) -> Iterator[str]:
    """One list in the section of lists, a line an entry."""
    yield f"{'' if first else ','}\n  {json.dumps(name)}: ["
    comma = "\n    "
    for entry, expires in contents:
        if expires == math.inf:
            yield f'{comma}"{entry}"'
        else:
            yield f'{comma}{{"entry": "{entry}", "expires": "{moment_text(expires)}"}}'
        comma = ",\n    "
    yield "\n  ]" if len(contents) else "]"


def read_export(
    file: IO[bytes], now: float, only: Iterable[str] = SECTIONS, tell: Tell = lambda done: None
) -> Exported:
    """All of a file, checked. JsonRefused where it is no such file at all."""
    return _Reading(JsonStream(file), now, frozenset(only), tell).read()


class _Reading:
    def __init__(self, stream: JsonStream, now: float, only: frozenset[str], tell: Tell) -> None:
        self._stream = stream
        self._now = now
        self._only = only
        self._tell = tell
        self._hashes: dict[str, dict[str, Any]] = {}
        self._lists: dict[str, ListContents] = {}
        self._bad = 0
        self._shown: list[BadLine] = []
        self._run_out = 0
        self._done = 0

    def read(self) -> Exported:
        seen: set[str] = set()
        if self._stream.peek() != "{":
            raise JsonRefused(1, _NO_EXPORT)
        for name in self._stream.names():
            if name in seen:
                raise JsonRefused(self._stream.line, f"{name!r} is there twice: keep one")
            seen.add(name)
            self._section(name)
        self._stream.end()
        if MARK not in seen:
            raise JsonRefused(1, _NO_EXPORT)
        wanted = seen & self._only
        return Exported(
            {name: each for name, each in self._hashes.items() if name in wanted},
            self._lists if "lists" in wanted else None,
            self._bad,
            self._shown,
            self._run_out,
        )

    def _section(self, name: str) -> None:
        if name == MARK:
            if self._stream.value()[0] != FORMAT:
                raise JsonRefused(
                    self._stream.line, f"{MARK} is not {FORMAT}: made by another Ringfence"
                )
        elif section := HASHES.get(name):
            self._fields(section, self._hashes.setdefault(name, {}))
        elif name == "lists":
            for list_name in self._stream.names():
                self._list(list_name)
        else:
            raise JsonRefused(
                self._stream.line, f"{name[:80]!r} is not known: {', '.join(SECTIONS)}"
            )

    def _fields(self, section: Section, into: dict[str, Any]) -> None:
        for name in self._stream.names():
            line = self._stream.line
            _, text = self._stream.value()
            try:
                if name in into:
                    raise ValueError(f"{section.kind} {name[:80]}: is there twice, keep one")
                into[name] = section.decode(name, _compact(text))
            except ValueError as error:
                self._refuse(line, str(error))

    def _list(self, name: str) -> None:
        if not LIST_NAME.fullmatch(name):
            self._refuse(self._stream.line, f"{name[:80]!r} is no list's name: letters, digits _.-")
        elif name in self._lists:
            self._refuse(self._stream.line, f"list {name} is there twice: keep one")
        contents = self._lists[name] = ListContents()
        for item in self._stream.items():
            try:
                self._entry(contents, item)
            except ValueError as error:
                self._refuse(self._stream.line, f"list {name}: {error}")
            self._done += 1
            if self._done % TELL_EVERY == 0:
                self._tell(self._done)

    def _entry(self, contents: ListContents, item: Any) -> None:
        if isinstance(item, str):
            contents.add(item)
            return
        if not isinstance(item, dict) or item.keys() != {"entry", "expires"}:
            raise ValueError('write "+12025550123", or {"entry": …, "expires": …}')
        entry, expires = item["entry"], _expiry(item["expires"])
        if not isinstance(entry, str):
            raise ValueError('write {"entry": "+12025550123", "expires": …}')
        if expires > self._now:
            contents.add(entry, expires)
        else:
            self._run_out += bool(parse_entry(entry))

    def _refuse(self, line: int, reason: str) -> None:
        self._bad += 1
        if len(self._shown) < MOST_SHOWN:
            self._shown.append(BadLine(line, reason))


def _compact(text: str) -> str | bytes:
    # As long as it may be in Redis, a rule or a notice is longer with the blanks that make it
    # readable, and a limit counts bytes.
    if len(text) < LONG_TEXT:
        return text
    refuse_repeated_names(text)
    value = json.loads(text)
    packed = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return packed.encode("utf-8", "surrogatepass")


def _expiry(text: Any) -> float:
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is None:
            raise ValueError
        return value.timestamp()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"expires {str(text)[:80]!r}: write a time with its zone, such as 2027-01-31T00:00:00Z"
        ) from None
