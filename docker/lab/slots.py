"""Owns which lab has which loopback addresses; it must not know what listens there.

Slot N is 127.77.N.0/24. Whoever holds the lock file of a slot owns its addresses, so the ports
in it are the standard ones and collide with nothing on the machine.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

SLOTS = range(1, 201)
# Addresses belong to the machine, not to a checkout, so the locks do too.
LOCKS = Path("/run/lock")


@dataclass(frozen=True, slots=True)
class Slot:
    number: int

    def address(self, host: int) -> str:
        """The loopback address with this last part: 1 is Asterisk, 2 and up are its peers."""
        return f"127.77.{self.number}.{host}"


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a slot, and what for."""

    pid: int
    purpose: str


@contextlib.contextmanager
def claimed(wanted: int | None = None) -> Iterator[Slot]:
    """Hold a slot: the wanted one, or the first that is free."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    for number in SLOTS if wanted is None else (wanted,):
        if number not in SLOTS:
            raise LabError(f"there is no lab slot {number}: choose one of 1 to {SLOTS[-1]}")
        with _lock_file(number).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield Slot(number)
            return
    taken = f"lab slot {wanted} is taken" if wanted else "all lab slots are taken"
    raise LabError(f"{taken}: stop a lab with `python -m lab down`, or choose another slot")


def note_owner(slot: Slot, purpose: str) -> None:
    """Write down whose slot this is, for `python -m lab status` and `down`."""
    _lock_file(slot.number).write_text(f"{os.getpid()} {purpose}\n")


def taken() -> dict[int, Owner]:
    """The slots in use now, each with its owner."""
    found = {}
    for number in SLOTS:
        path = _lock_file(number)
        if not path.exists():
            continue
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, _, purpose = lock.read().strip().partition(" ")
                if pid:  # else it is being claimed this very moment
                    found[number] = Owner(int(pid), purpose)
    return found


def _lock_file(number: int) -> Path:
    return LOCKS / f"ringfence-lab-{number}"
