"""What a screener knows at one moment: rules, lists, trunks, callees; not where they came from.

The trunks have the provider behind them also where only the register of providers says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ringfence.lists import NumberList
from ringfence.rules import EMPTY_BOOK, RuleBook
from ringfence.rules.callee_book import EMPTY_CALLEES, CalleeBook
from ringfence.trunk import Trunk


class World(NamedTuple):
    """Replaced as a whole when any of them changes, so that no call sees a half change."""

    rules: RuleBook
    lists: Mapping[str, NumberList]
    trunks: Mapping[str, Trunk]
    callees: CalleeBook = EMPTY_CALLEES


EMPTY_WORLD = World(EMPTY_BOOK, {}, {})
