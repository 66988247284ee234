"""Sounds of a lab's own, beside those of the package: a second language, and an admin's prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lab import Lab

PACKAGE = "/usr/share/asterisk"
PACKETS_PER_SECOND = 50
# in sounds/, by the path that an admin would give it; each has a length of its own, in seconds,
# by which a caller's packets tell which of them was played
SOUNDS: Mapping[str, float] = {
    "custom/notice": 0.4,
    "custom/second": 0.6,
    "custom/long": 90.0,
    "es/custom/notice": 1.6,
    "es/only-spanish": 0.4,
}


@contextmanager
def own_sounds(lab: Lab) -> Iterator[None]:
    """For `Lab(beside=…)`: Asterisk's data in the lab's own folder, where sounds may be added."""
    data = lab.home / "data"
    (data / "sounds").mkdir(parents=True)
    for theirs in (lab.root / PACKAGE[1:]).iterdir():
        if theirs.name != "sounds":
            (data / theirs.name).symlink_to(f"{PACKAGE}/{theirs.name}")
    for language in ("en", "en_US"):
        (data / "sounds" / language).symlink_to(f"{PACKAGE}/sounds/{language}")
    for name, seconds in SOUNDS.items():
        path = data / "sounds" / f"{name}.ulaw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff" * round(8000 * seconds))
    config = lab.home / "etc" / "asterisk.conf"
    text, changed = re.subn(
        r"(?m)^astdatadir => .*$", f"astdatadir => {lab.inside}/data", config.read_text()
    )
    assert changed == 1
    config.write_text(text)
    yield
