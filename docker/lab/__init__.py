"""A real Asterisk on loopback addresses, for tests, demo and benchmarks; it knows no Ringfence.

root       the root folder with Debian's Asterisk and SIPp, built once
slots      which lab has which addresses, so that several run side by side
trunks     the trunks that call in
settings   Asterisk's configuration files, from the templates in etc/
tls        whom one lab's Asterisk trusts for TLS
process    how children start, stop, and never outlive their owner
lab        one running Asterisk with its callee: `with Lab() as lab:`
sip        callers with a microsecond clock, who press keys too; answered, dialog, media and
           sipmessage are its parts
sipp       SIPp, as the callee and as an independent caller
shaken     STIR/SHAKEN signatures for calls; apart, because it needs `cryptography`
"""

from lab.answered import CallResult, Line
from lab.errors import LabError
from lab.lab import Lab
from lab.root import ensure_root
from lab.sip import SipCaller, run_at_rate
from lab.sipp import ReceivedCall, SippResult
from lab.trunks import Trunk

__all__ = [
    "CallResult",
    "Lab",
    "LabError",
    "Line",
    "ReceivedCall",
    "SipCaller",
    "SippResult",
    "Trunk",
    "ensure_root",
    "run_at_rate",
]
