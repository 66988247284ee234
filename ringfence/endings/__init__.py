"""How answered calls end: heard from Asterisk's manager interface, beside the calls.

`Listener` is what a process builds and runs. `tracking` makes ends out of events, purely;
`listening` keeps a connection that brings them, and asks about calls that are older than it;
`handing_over` leaves the ends in Redis, from where the archive takes them to their records. What
was not heard stays unknown: nothing is guessed.
"""

from ringfence.endings.listening import Listener

__all__ = ["Listener"]
