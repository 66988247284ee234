"""The FastAGI door: the fastest way from any Asterisk's dialplan to a verdict.

`protocol` speaks AGI without any I/O, `session` is one connection, `server` listens and drains.
`challenge` talks with a caller who has to press a digit. Each other module is one entry point, its
name the path of ``agi://host/<name>``: `screen` decides about a call, `ping` says that the door is
open.
"""

from agi.server import AgiServer

__all__ = ["AgiServer"]
