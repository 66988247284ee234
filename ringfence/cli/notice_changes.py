"""Changes a notice: what is there is read, changed and written if it is still the same, together
with the rules that go. Knows neither flags nor how anything is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store
from ringfence.providers.blocking import possible_rules
from ringfence.providers.notice import Notice, decode_notice, encode_notice, refuse_overlong
from ringfence.store.writing.history import version_of
from ringfence.store.writing.writer import FieldChange, Moved, WriteRefused

TRIES = 10


class Changed(NamedTuple):
    """The notice as it is now, the rules that went, and those of them that somebody had changed."""

    notice: Notice
    version: str
    removed: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


async def change_notice(
    store: Store,
    id: str,
    make: Callable[[Notice], tuple[Notice, Sequence[str]]],
    op: str,
) -> Changed:
    """Write what `make` makes of the notice, and take out the rules that it names."""
    for _ in range(TRIES):
        text = await read_text(store, id)
        old = await decoded(store, id, text)
        new, rules = make(old)
        refuse_overlong(new)
        now = encode_notice(new)
        changes, edited = [FieldChange("notice", id, text, now)], []
        for rule_id in rules:
            stands = await store.reader.rule(rule_id)
            if stands is None:
                continue
            changes.append(FieldChange("rule", rule_id, stands, None))
            if old.blocked and old.blocked.rules.get(rule_id) != version_of(stands):
                edited.append(rule_id)
        try:
            await store.writer.apply(changes, op)
        except Moved:
            continue
        removed = tuple(each.id for each in changes[1:])
        return Changed(new, version_of(now), removed, tuple(edited))
    raise WriteRefused(f"notice {id} is changed by others all the time: try again")


async def read_text(store: Store, id: str) -> bytes:
    """The notice's JSON; refused where there is none."""
    text = await store.reader.notice(id)
    if text is None:
        raise Refused(f"no notice {id[:40]}: `ringfence notice list --all` shows them")
    return text


async def read_notice(store: Store, id: str) -> Notice:
    """The notice. Refused where there is none, or it is not in order."""
    return await decoded(store, id, await read_text(store, id))


async def decoded(store: Store, id: str, text: bytes) -> Notice:
    """The notice in `text`. Refused, with what to do, where a hand has spoilt it."""
    try:
        return decode_notice(id, text)
    except ValueError as error:
        said = f"notice {id[:40]} is refused as it stands: {error}: "
        said += f"`ringfence notice history {id}` has what it was, redis-cli HSET mends it"
        left = [name for name in possible_rules(id) if await store.reader.rule(name) is not None]
        if left:
            said += f"; its rules block: `ringfence rule remove {' '.join(left)}`"
        raise Refused(said) from None
