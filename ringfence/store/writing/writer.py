"""Every change that Ringfence makes to rules, trunks, callees, providers and notices: checked,
atomic, announced and recorded; lists are in `list_writer`.

Knows keys and scripts; nothing of who asks. What is not in order is refused before anything is
written. Each method is one script call, and one look before it where a version is expected.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, cast

import msgspec

from ringfence.call import clean
from ringfence.providers.model import Provider, encode_provider
from ringfence.providers.notice import Notice, encode_notice
from ringfence.rules import Rule, decode_rule, encode_rule
from ringfence.rules.callees import Callee, encode_callee
from ringfence.store.keys import CHANGE_ENTRIES
from ringfence.store.writing.fields import FieldChange, Kind, Moved, Stored, Written, checked
from ringfence.store.writing.history import UNDO, Change, History, version_of
from ringfence.store.writing.list_writer import BATCH, Counted, ListWriter, Origin, canonical
from ringfence.store.writing.scripting import Argument, WriteRefused
from ringfence.trunk import Trunk, encode_trunk

__all__ = [
    "BATCH",
    "Counted",
    "FieldChange",
    "Kind",
    "Moved",
    "Origin",
    "Stored",
    "WriteRefused",
    "Writer",
    "Written",
    "canonical",
    "checked",
]

TRIES = 10


class Writer(ListWriter):
    """Writes rules, trunks, callees, providers, notices and lists.

    `expect` is the version that a writer has seen (`version_of` its text): where another stands in
    Redis, nothing is written and `Moved` says who changed it.
    """

    NAMES: ClassVar[tuple[str, ...]] = (
        "set_field",
        "set_fields",
        "remove_field",
        *ListWriter.NAMES,
    )

    async def set_rule(
        self, rule_id: str, rule: Rule | bytes | str, *, only_new: bool = False, expect: str = ""
    ) -> Stored:
        """Put a rule in force. `RuleRefused` names what is wrong with it."""
        text = encode_rule(rule) if isinstance(rule, Rule) else rule
        return await self._store("rule", rule_id, text, only_new=only_new, expect=expect)

    async def remove_rule(self, rule_id: str, *, expect: str = "") -> bool:
        """Take a rule out, also one that was refused. False where there is none."""
        return await self._remove("rule", rule_id, expect)

    async def enable_rule(self, rule_id: str, enabled: bool = True, *, expect: str = "") -> Stored:
        """Switch a rule on or off and leave the rest of it as it is."""
        op = "enable" if enabled else "disable"
        for _ in range(TRIES):
            if expect:
                old: bytes | None = await self._at_version("rule", rule_id, expect)
            else:
                old = await self._text("rule", rule_id)
            if old is None:
                raise WriteRefused(f"no rule {rule_id[:64]}: `ringfence rule list` shows them")
            rule = msgspec.structs.replace(decode_rule(rule_id, old), enabled=enabled)
            new = encode_rule(rule)
            done = await self._set("rule", rule_id, new, op, "was", old)
            if done != "moved":
                return Stored(Written(done), version_of(new))
        raise _never_still("rule", rule_id)

    async def set_trunk(self, name: str, trunk: Trunk | bytes | str, *, expect: str = "") -> Stored:
        """Put a trunk's settings in force. ValueError says what is wrong with them."""
        text = encode_trunk(trunk) if isinstance(trunk, Trunk) else trunk
        return await self._store("trunk", name, text, expect=expect)

    async def remove_trunk(self, name: str, *, expect: str = "") -> bool:
        """Take a trunk's settings out: the defaults hold for it. False where there are none."""
        return await self._remove("trunk", name, expect)

    async def set_callee(
        self, id: str, callee: Callee | bytes | str, *, expect: str = ""
    ) -> Stored:
        """Put a callee's choices in force. ValueError says what is wrong with them."""
        text = encode_callee(callee) if isinstance(callee, Callee) else callee
        return await self._store("callee", id, text, expect=expect)

    async def remove_callee(self, id: str, *, expect: str = "") -> bool:
        """Take a callee's choices out. False where there are none."""
        return await self._remove("callee", id, expect)

    async def set_provider(
        self, id: str, provider: Provider, *, only_new: bool = False, expect: str = ""
    ) -> Stored:
        """Put a provider into the register. ValueError says what is wrong."""
        text = encode_provider(provider)
        return await self._store("provider", id, text, only_new=only_new, expect=expect)

    async def remove_provider(self, id: str, *, expect: str = "") -> bool:
        """Take a provider out of the register. False where there is none."""
        return await self._remove("provider", id, expect)

    async def set_notice(
        self, id: str, notice: Notice, *, only_new: bool = False, expect: str = ""
    ) -> Stored:
        """Keep a notice. ValueError says what is wrong."""
        text = encode_notice(notice)
        return await self._store("notice", id, text, only_new=only_new, expect=expect)

    async def put_back(
        self,
        kind: Kind,
        id: str,
        was: bytes | None,
        text: bytes | None,
        *,
        undoes: str,
        force: bool,
    ) -> None:
        """Undo: `text` as it was once (None: nothing) in the place of `was`. With `force` in the
        place of whatever stands there. `Moved` where something else does.
        """
        told = {"undoes": undoes}
        if text is None:
            mode = "any" if force else "was"
            done = await self._remove_if(kind, id, UNDO, mode, was or b"", told)
        else:
            checked(kind, id, text)
            mode = "any" if force else "new" if was is None else "was"
            done = await self._set(kind, id, text, UNDO, mode, was or b"", told)
        if done in ("moved", "exists"):
            raise Moved(f"{kind} {clean(id, 80)} was changed by somebody else meanwhile: try again")

    async def apply(self, changes: Sequence[FieldChange], op: str = "import") -> None:
        """Set and remove rules, trunks, callees, providers, notices, disputes and feeds' set-ups,
        all in one step or none.

        Refused where one is no more what it `was`: somebody else has changed it.
        """
        arguments: list[Argument] = [op, CHANGE_ENTRIES]
        for kind, id, was, now in changes:
            if now is not None:
                now = checked(kind, id, now)
            arguments += [kind, id, was or b"", now or b""]
        hashes = ("trunk", "callee", "provider", "notice", "dispute", "feed")
        keys = [*self._keys_of("rule"), *(self._keys.of_kind(kind) for kind in hashes)]
        if moved := await self._run("set_fields", keys, arguments, {}):
            named = ", ".join(clean(each.decode(errors="replace"), 80) for each in moved[:5])
            raise Moved(f"changed by somebody else meanwhile: {named}: try again")

    async def _store(
        self, kind: Kind, id: str, text: bytes | str, *, only_new: bool = False, expect: str = ""
    ) -> Stored:
        new = checked(kind, id, text)
        for _ in range(TRIES):
            was = await self._at_version(kind, id, expect) if expect else b""
            mode = "was" if expect else "new" if only_new else "any"
            done = await self._set(kind, id, new, "set", mode, was)
            if done == "exists":
                raise WriteRefused(f"{kind} {id} exists: use set to replace it")
            if done != "moved":
                return Stored(Written(done), version_of(new))
        raise _never_still(kind, id)

    async def _remove(self, kind: Kind, id: str, expect: str) -> bool:
        for _ in range(TRIES):
            was = await self._at_version(kind, id, expect) if expect else b""
            mode = "was" if expect else "any"
            done = await self._remove_if(kind, id, "remove", mode, was)
            if done != "moved":
                return done == "removed"
        raise _never_still(kind, id)

    async def _at_version(self, kind: Kind, id: str, expect: str) -> bytes:
        found = await self._text(kind, id)
        if found is not None and version_of(found) == expect:
            return found
        last = await History(self._redis, self._keys).last(kind, id)
        raise Moved(_moved(kind, id, expect, found, last))

    async def _text(self, kind: Kind, id: str) -> bytes | None:
        key = self._keys.of_kind(kind)
        return await cast("Awaitable[bytes | None]", self._redis.hget(key, id))

    async def _set(
        self,
        kind: Kind,
        id: str,
        value: bytes,
        op: str,
        mode: str,
        was: bytes = b"",
        told: dict[str, str] | None = None,
    ) -> str:
        arguments: list[Argument] = [kind, id, value, _refused(kind, id), op, mode, was]
        done = await self._run("set_field", self._keys_of(kind), arguments, told or {})
        return cast("bytes", done).decode()

    async def _remove_if(
        self,
        kind: Kind,
        id: str,
        op: str,
        mode: str,
        was: bytes,
        told: dict[str, str] | None = None,
    ) -> str:
        arguments: list[Argument] = [kind, id, _refused(kind, id), op, mode, was]
        done = await self._run("remove_field", self._keys_of(kind), arguments, told or {})
        return cast("bytes", done).decode()

    def _keys_of(self, kind: Kind) -> list[str]:
        keys = self._keys
        return [keys.of_kind(kind), keys.changes, keys.rejected, keys.history]


def _refused(kind: str, id: str) -> str:
    return id if kind == "rule" else f"{kind}:{id}"


def _never_still(kind: str, id: str) -> WriteRefused:
    return WriteRefused(f"{kind} {id} is changed by others all the time: try again")


def _moved(kind: str, id: str, expect: str, found: bytes | None, last: Change | None) -> str:
    stands = f"at version {version_of(found)}" if found is not None else "gone"
    return (
        f"{kind} {clean(id, 80)} is {stands}, not at {expect}: {_by_whom(found, last)}; see "
        f"`ringfence {kind} history {clean(id, 80)}`"
    )


def _by_whom(found: bytes | None, last: Change | None) -> str:
    if last is None or last.after != found:
        return "changed by hand"
    did = "removed" if found is None else "changed"
    return f"{did} by {last.who} at {datetime.fromtimestamp(last.at, UTC):%Y-%m-%d %H:%M:%S}Z"
