"""The file of `ringfence export`: what admins keep, as JSON that is made to be read and compared.

Owns the format alone: no store, no command. One list entry a line and everything in a fixed order,
so that `diff` shows what changed and the same state always gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple, TypeVar

from ringfence.cli.json_stream import JsonRefused, JsonStream
from ringfence.cli.list_contents import ListContents
from ringfence.cli.list_file import MOST_SHOWN, BadLine
from ringfence.lists import LIST_NAME, parse_entry
from ringfence.rules import Rule, RuleRefused, decode_rule, encode_rule
from ringfence.rules.callees import Callee, decode_callee, encode_callee
from ringfence.rules.compile import compile_rule
from ringfence.trunk import Trunk, decode_trunk, encode_trunk

SECTIONS = ("rules", "trunks", "callees", "lists")
MARK, FORMAT = "ringfence_export", 1
MAX_WIDTH = 80
TELL_EVERY = 10_000
_NO_EXPORT = f'this is no export of Ringfence\'s, which has "{MARK}": {FORMAT} in it'

T = TypeVar("T")
Tell = Callable[[int], object]


class Exported(NamedTuple):
    """What a file holds; a section that it has not is None. `bad` counts what is not in order."""

    rules: dict[str, Rule] | None
    trunks: dict[str, Trunk] | None
    callees: dict[str, Callee] | None
    lists: dict[str, ListContents] | None
    bad: int
    shown: list[BadLine]
    run_out: int


def rule_document(rule: Rule) -> dict[str, Any]:
    """A rule as the file shows it: only what differs from the defaults; its id is the name."""
    document: dict[str, Any] = json.loads(encode_rule(rule))
    document.pop("id", None)
    return {name: value for name, value in document.items() if value != {}}


def trunk_document(trunk: Trunk) -> dict[str, Any]:
    """A trunk's settings as the file shows them."""
    document: dict[str, Any] = json.loads(encode_trunk(trunk))
    return document


def callee_document(callee: Callee) -> dict[str, Any]:
    """A callee's choices as the file shows them."""
    document: dict[str, Any] = json.loads(encode_callee(callee))
    return document


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
    """The section of rules, of trunks, or of callees."""
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
        self._rules: dict[str, Rule] = {}
        self._trunks: dict[str, Trunk] = {}
        self._callees: dict[str, Callee] = {}
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
            self._rules if "rules" in wanted else None,
            self._trunks if "trunks" in wanted else None,
            self._callees if "callees" in wanted else None,
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
        elif name == "rules":
            self._fields(self._rule)
        elif name == "trunks":
            self._fields(self._trunk)
        elif name == "callees":
            self._fields(self._callee)
        elif name == "lists":
            for list_name in self._stream.names():
                self._list(list_name)
        else:
            raise JsonRefused(
                self._stream.line, f"{name[:80]!r} is not known: {', '.join(SECTIONS)}"
            )

    def _fields(self, take: Callable[[str, str], None]) -> None:
        for name in self._stream.names():
            line = self._stream.line
            _, text = self._stream.value()
            try:
                take(name, text)
            except ValueError as error:
                self._refuse(line, str(error))

    def _rule(self, rule_id: str, text: str) -> None:
        rule = decode_rule(rule_id, text)
        compile_rule(rule)
        if rule_id in self._rules:
            raise RuleRefused(rule_id, "is there twice: keep one")
        self._rules[rule_id] = rule

    def _trunk(self, name: str, text: str) -> None:
        self._keep("trunk", self._trunks, name, text, decode_trunk)

    def _callee(self, callee_id: str, text: str) -> None:
        self._keep("callee", self._callees, callee_id, text, decode_callee)

    def _keep(
        self, kind: str, into: dict[str, T], name: str, text: str, decode: Callable[[str, str], T]
    ) -> None:
        if name in into:
            raise ValueError(f"{kind} {name} is there twice: keep one")
        try:
            into[name] = decode(name, text)
        except ValueError as error:
            raise ValueError(f"{kind} {name[:80]}: {error}") from None

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
