"""The last good version of everything in one hash of JSON; does no I/O and knows no Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    """Good versions by id; what does not decode is refused by name and changes nothing else."""

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
        self._news: list[str] = []

    def news(self) -> list[str]:
        """The ids that changed since this was asked last."""
        news, self._news = self._news, []
        return news

    def offer(self, field: Field) -> bool:
        """Take one field's present value. True where what is in force changed."""
        version = (field.value, field.size)
        if self._seen.get(field.id) == version:
            return False
        self._seen[field.id] = version
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
            return False
        self.refused.pop(field.id, None)
        self.texts[field.id] = field.value
        self.good[field.id] = good
        self._news.append(field.id)
        return True

    def drop(self, id: str) -> bool:
        """The field is gone from Redis. True where what is in force changed."""
        self._seen.pop(id, None)
        self.refused.pop(id, None)
        self.texts.pop(id, None)
        if self.good.pop(id, None) is None:
            return False
        self._news.append(id)
        return True

    def keep_only(self, ids: Iterable[str]) -> bool:
        """Drop all others: they are gone from Redis. True where what is in force changed."""
        gone = (self._seen.keys() | self.good.keys()) - set(ids)
        return sum(map(self.drop, gone)) > 0
