"""Regular expressions that cannot stall a call; knows nothing of what they are held against.

Admins write the pattern and strangers the text. RE2 takes time in proportion to the length of the
text times the size of the compiled pattern, and both are bounded here, so the worst that a pattern
and a text were seen to do together is 4 ms; ordinary ones take 2 or 3 microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

import re2

MAX_SIZE = 1000
"""RE2's instructions: about one for a letter, ten for a dot, which may be any letter of Unicode."""
MAX_MEMORY = 1 << 18
"""Bytes for a compiled pattern and the states that RE2 keeps of it."""


def compile_pattern(text: str, limit: int) -> Callable[[str], bool]:
    """Whether the pattern is found anywhere in the first `limit` characters of a text.

    ValueError says in one line what is wrong with the pattern.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    # only whether it matches is asked, and that is what RE2 does fastest
    options.never_capture = True
    try:
        pattern = re2.compile(text, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"~{text[:80]!r} is no pattern of RE2: {_said(error)}") from None
    if pattern.programsize > MAX_SIZE:
        raise ValueError(
            f"~{text[:80]!r} is too large a pattern: repeat less, or make two values of it"
        )
    search = pattern.search
    # bytes, as offsets in characters, which nobody asks for, would cost more than the search
    return lambda given: search(given[:limit].encode("utf-8", "replace")) is not None


def _said(error: Exception) -> str:
    said = error.args[0]
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    # RE2 quotes the pattern as it is, whatever moves a cursor included
    said = "".join(c if c.isprintable() else " " for c in str(said))
    return "too large: repeat less" if "too large" in said else said[:80]
