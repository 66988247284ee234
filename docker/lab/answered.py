"""Owns what whoever places a call has of it: what it does in it, and what it saw of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """An answered call, for who does more than talk."""

    press: Callable[[str], None]  # keys, by RFC 4733
    left: Callable[[], Awaitable[None]]  # waits until the far side has hung up


Act = Callable[[Line], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CallResult:
    """What the caller saw of its call."""

    call_id: str
    status: int  # the final response; 0 when none came in time
    phrase: str
    reason: str  # the final response's Reason header
    provisionals: tuple[int, ...]
    early_media: bool  # SDP in a provisional response, or audio before the final one
    early_rtp_packets: int
    answered: bool
    rtp_packets: int  # audio received after the answer
    hung_up_by_far_side: bool
    setup_ms: float  # INVITE to final response; 0 when none came
    invites_sent: int  # more than 1: it had to be repeated
