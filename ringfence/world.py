"""What a screener knows at one moment: rules, lists, trunks; nothing of where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ringfence.lists import NumberList
from ringfence.rules import EMPTY_BOOK, RuleBook
from ringfence.trunk import Trunk


class World(NamedTuple):
    """Replaced as a whole when rules or trunks change, so that no call sees a half change."""

    rules: RuleBook
    lists: Mapping[str, NumberList]
    trunks: Mapping[str, Trunk]


EMPTY_WORLD = World(EMPTY_BOOK, {}, {})
