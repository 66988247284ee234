"""Keeps the interpreter's own pauses short; knows nothing of what is in memory.

A full collection walks every object that is alive: with ten thousand rules that is tens of
milliseconds in which no call is answered. Calls and rules leave no cycles behind, so what was
loaded is set aside, out of the collector's sight, and of the rest a few thousand objects are
looked at in one go. A thread that computes, such as one that writes a snapshot, gives way sooner
than after Python's 5 ms.
"""

from __future__ import annotations

import gc
import sys

THRESHOLDS = 4_000, 5, 500
"""At most 4,000 new objects are walked at once, and 20,000 that survived: a millisecond or two."""


SWITCH_SECONDS = 0.0005


def keep_short() -> None:
    """Before any call: collects once as a whole, and in small steps from now on."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*THRESHOLDS)
    gc.collect()
    gc.freeze()


def set_aside() -> None:
    """What is there now is there to stay. Takes no time, as it collects nothing."""
    gc.freeze()
