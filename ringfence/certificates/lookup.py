"""A name's addresses, within a time; knows nothing of which may be connected to.

The system's resolver cannot be cancelled, and a hostile name server may let it wait for half a
minute. So each look-up has a thread of its own, which nobody waits for longer than the fetch
lasts, the end of the process included; and there is a number of them and no more. One who owns a
name server that hangs may use up the threads of his site, and never all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from ringfence.certificates.lane import LaneFull
from ringfence.certificates.location import site_of

Lookup = Callable[[str, int], Sequence[str]]
"""Host and port to addresses; blocks. OSError where there are none."""

MAX_THREADS = 32
OF_ONE_SITE = 4
MAX_ADDRESSES = 4
"""More of one name are not tried."""


def system_lookup(host: str, port: int) -> Sequence[str]:
    """What this machine resolves `host` to."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Resolver:
    """Asks `lookup` in threads. One for each loop."""

    def __init__(self, lookup: Lookup = system_lookup, threads: int = MAX_THREADS) -> None:
        self._lookup = lookup
        self._free = threads
        self._of: Counter[str] = Counter()

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """At most `MAX_ADDRESSES`, each once. OSError where there are none, `LaneFull` where too
        many are being looked up; cancel it at will."""
        site = site_of(host)
        if self._free <= 0 or self._of[site] >= OF_ONE_SITE:
            raise LaneFull
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        self._begin(site)

        def ended(found: Sequence[str] | Exception) -> None:
            self._end(site)
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def look_up() -> None:
            found: Sequence[str] | Exception
            try:
                found = list(dict.fromkeys(self._lookup(host, port)))[:MAX_ADDRESSES]
            except OSError as error:
                found = error
            except Exception as error:
                # idna refuses a label of 64 characters with a UnicodeError
                found = OSError(f"{type(error).__name__}: {error}")
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(ended, found)

        try:
            threading.Thread(target=look_up, name="look-up", daemon=True).start()
        except RuntimeError as error:
            self._end(site)
            raise OSError(str(error)) from None
        return await answer

    def _begin(self, site: str) -> None:
        self._free -= 1
        self._of[site] += 1

    def _end(self, site: str) -> None:
        self._free += 1
        self._of[site] -= 1
        if not self._of[site]:
            del self._of[site]
