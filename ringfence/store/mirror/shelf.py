"""The last good version of everything in one hash of JSON; does no I/O and knows no Redis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Generic, NamedTuple, TypeVar

from structlog.typing import FilteringBoundLogger

from ringfence.call import clean

T = TypeVar("T")

MAX_VALUE_BYTES = 65_536
MAX_ID_BYTES = 256


class Field(NamedTuple):
    """One field as it was read; `value` is empty where its `size` is too large to be read."""

    id: str
    value: bytes
    size: int


class Shelf(Generic[T]):
    """Good versions by id; what does not decode is refused by name and changes nothing else.

    What differs from what was last put in force is known until `settle`, so that nothing is lost
    where reading or publishing breaks off in the middle.
    """

    def __init__(
        self, kind: str, decode: Callable[[str, bytes], T], log: FilteringBoundLogger
    ) -> None:
        self.kind = kind
        self._decode = decode
        self._log = log
        self._seen: dict[str, tuple[bytes, int]] = {}
        self.good: dict[str, T] = {}
        self.texts: dict[str, bytes] = {}
        self.refused: dict[str, str] = {}
        self._before: dict[str, T | None] = {}

    @property
    def news(self) -> Mapping[str, T | None]:
        """What is not in force as it is here: id → what is in force now; None: nothing."""
        return self._before

    def settle(self) -> None:
        """All changes are in force now."""
        self._before = {}

    def knows(self, field: Field) -> bool:
        """Whether a field is as it was when it was offered last."""
        return self._seen.get(field.id) == (field.value, field.size)

    def holds(self, id: str) -> bool:
        """Whether something under this id was offered last, good or not."""
        return id in self._seen

    def offer(self, field: Field) -> None:
        """Take one field's present value."""
        if self.knows(field):
            return
        self._seen[field.id] = (field.value, field.size)
        try:
            if field.size > MAX_VALUE_BYTES:
                raise ValueError(f"it has {field.size} bytes, more than {MAX_VALUE_BYTES}")
            good = self._decode(field.id, field.value)
        except ValueError as error:
            reason = clean(str(getattr(error, "reason", error)), 500)
            if field.id in self.good:
                reason += " (its last good version stays in force)"
            self.refused[field.id] = reason
            self._log.error(f"{self.kind} refused", id=clean(field.id, 80), reason=reason)
            return
        self.refused.pop(field.id, None)
        self.texts[field.id] = field.value
        self._before.setdefault(field.id, self.good.get(field.id))
        self.good[field.id] = good

    def drop(self, id: str) -> None:
        """The field is gone from Redis."""
        self._seen.pop(id, None)
        self.refused.pop(id, None)
        self.texts.pop(id, None)
        if id in self.good:
            good = self.good.pop(id)
            self._before.setdefault(id, good)

    def keep_only(self, ids: Collection[str]) -> None:
        """Drop all others: they are gone from Redis. All of `ids` must have been offered."""
        if len(ids) == len(self._seen):
            return  # at once, as it is for each of most reads
        for id in [id for id in self._seen if id not in ids]:
            self.drop(id)
