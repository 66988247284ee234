"""Owns the measured ways from INVITE to final response, as trunks and dialplan; places no call.

Each way has a trunk and a context of its own, so that all run the same extension for the same
numbers. Each ends in the same step, a rejection, so that what lies before it is all that differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.rivals import astdb, database, script
from benchmarks.ruleset import ELSEWHERE, blocked_callers, passing_callers
from lab import Trunk

QUIET_LOGGER = """\
; The lab writes every dialplan step to a file, which would be measured with it.
[general]
[logfiles]
messages.log => notice,warning,error
"""
EMPTY_AGI_PORT = 4574
SERVICE_PORT = 8090
EMPTY_APP = "bench-empty"
CALLED = "12025550123"
PASSED, BLOCKED, UNSCREENED = 603, 607, 480
"""Final responses: of the dialplan behind, of who blocks, of a call that nobody answered for."""
_END = f'PJSIPHangup(${{IF($["${{RINGFENCE_REASON}}" = "fail-open"]?{UNSCREENED}:{PASSED})}})'
_SPAM_END = (
    f'PJSIPHangup(${{IF($["${{SPAM}}" = "0"]?{PASSED}:'
    f'${{IF($["${{SPAM}}" = "1"]?{BLOCKED}:{UNSCREENED})}})}})'
)
_SCREEN = "Gosub(ringfence,screen,1(${EXTEN}))"
RATE_TRUNK = "bench-agi-rate"
VERIFIED_TRUNKS = ("bench-agi-verified", "bench-ari-verified")
HANDED_TRUNKS = ("bench-agi-handed", "bench-ari-handed")
"""Their Identity headers go to Ringfence too, whose settings believe other sources only."""
VERIFIED_ADDS = 0.3
"""Milliseconds that a verification may add to a call at the median."""


class Way(NamedTuple):
    """One measured way. `floor` names the way it is compared with; `bar` is design's ratio.

    `screens`: a listed caller is blocked on it. `blocked`: such callers are what is measured.
    `main`: its highest rate is looked for, and it is in the plots. `signed`: its calls carry an
    Identity header, which is handed to Ringfence on the trunks of `HANDED_TRUNKS`, and verified
    on those of `VERIFIED_TRUNKS`. `adds`: by how many
    milliseconds it may be slower than its floor at the median.
    """

    name: str
    title: str
    trunk: str
    steps: tuple[str, ...]
    floor: str = "none"
    bar: float = 0.0
    door: str = ""
    end: str = _END
    screens: bool = False
    blocked: bool = False
    main: bool = True
    signed: bool = False
    adds: float = 0.0

    @property
    def expected(self) -> int:
        """The final response of a call that went this way as it should."""
        return BLOCKED if self.blocked else PASSED

    def callers(self, listed: int) -> tuple[str, ...]:
        """Numbers that this way's calls come from, where so many are listed."""
        return blocked_callers(listed) if self.blocked else passing_callers()

    def listed_caller(self, listed: int) -> str:
        """A caller that this way has to block, if it screens."""
        return blocked_callers(listed if self.door else max(listed, ELSEWHERE))[0]


def _rival(name: str, title: str, step: str) -> Way:
    return Way(name, title, f"bench-{name}", (step,), end=_SPAM_END, screens=True)


def _signed(door: str, title: str) -> Sequence[Way]:
    """The same calls three times: the header is there; Asterisk hands it over; it is verified."""
    name, trunk = f"{door}-signed", f"bench-{door}-signed"
    return (
        Way(name, f"Ringfence, {title}, signed, not looked at", trunk, (_SCREEN,), f"empty-{door}",
            door=door, screens=True, signed=True, main=False),
        Way(f"{door}-handed", f"Ringfence, {title}, signed, handed over", f"bench-{door}-handed",
            (_SCREEN,), name, door=door, screens=True, signed=True, main=False),
        Way(f"{door}-verified", f"Ringfence, {title}, signed, verified", f"bench-{door}-verified",
            (_SCREEN,), name, door=door, screens=True, signed=True, adds=VERIFIED_ADDS, main=False),
    )  # fmt: skip


def ways(asterisk: str) -> Sequence[Way]:
    """All ways, in the order of a round."""
    agi = f"AGI(agi://{asterisk}:{EMPTY_AGI_PORT}/set)"
    url = f"http://{asterisk}:{SERVICE_PORT}/number/${{URIENCODE(${{CALLERID(num)}})}}"
    return (
        Way("none", "no screening", "bench-none", (), ""),
        _rival("astdb", "DB_EXISTS() on astdb",
               f"Set(SPAM=${{DB_EXISTS({astdb.FAMILY}/${{CALLERID(num)}})}})"),
        _rival("odbc", "func_odbc, MariaDB",
               f"Set(SPAM=${{{database.FUNCTION}(${{CALLERID(num)}})}})"),
        _rival("curl", "CURL() to an HTTP service", f"Set(SPAM=${{CURL({url})}})"),
        _rival("script", "forked AGI script, SQLite", f"AGI({script.NAME})"),
        Way("empty-agi", "empty FastAGI", "bench-empty-agi", (agi,)),
        Way("agi", "Ringfence, FastAGI, allowed", "bench-agi", (_SCREEN,), "empty-agi", 1.15,
            "agi", screens=True),
        # One Set more than the real way, for the address: about 0.03 ms.
        Way("agi-dialplan", "ringfence.conf alone, its door empty", "bench-agi-dialplan",
            (f"Set(RINGFENCE_AGI=agi://{asterisk}:{EMPTY_AGI_PORT}/pass-eof)", _SCREEN),
            "empty-agi", door="agi", main=False),
        Way("agi-rate", "Ringfence, FastAGI, a rule with rate", RATE_TRUNK, (_SCREEN,),
            "empty-agi", door="agi", screens=True),
        Way("agi-blocked", "Ringfence, FastAGI, blocked", "bench-agi", (_SCREEN,), "empty-agi",
            door="agi", screens=True, blocked=True, main=False),
        *_signed("agi", "FastAGI"),
        Way("empty-ari", "empty ARI application", "bench-empty-ari", (f"Stasis({EMPTY_APP})",)),
        Way("ari", "Ringfence, ARI, allowed", "bench-ari", (_SCREEN,), "empty-ari", 1.15,
            "ari", screens=True),
        Way("ari-blocked", "Ringfence, ARI, blocked", "bench-ari", (_SCREEN,), "empty-ari",
            door="ari", screens=True, blocked=True, main=False),
        *_signed("ari", "ARI"),
    )  # fmt: skip


def trunks(all_ways: Sequence[Way]) -> Sequence[Trunk]:
    """A trunk per context, at addresses that the lab's own trunks leave free."""
    names = dict.fromkeys(way.trunk for way in all_ways)
    return [Trunk(name, 40 + at, name, trusted=True) for at, name in enumerate(names)]


def trunk_variables(all_ways: Sequence[Way]) -> Mapping[str, Mapping[str, str]]:
    """Which door a trunk's calls take, and whether their signatures are looked at."""
    looked = {trunk: {"RINGFENCE_IDENTITY": "yes"} for trunk in (*HANDED_TRUNKS, *VERIFIED_TRUNKS)}
    return {
        way.trunk: {"RINGFENCE_DOOR": way.door, **looked.get(way.trunk, {})}
        for way in all_ways
        if way.door
    }


def dialplan(all_ways: Sequence[Way]) -> str:
    """One context per trunk."""
    lines = []
    for trunk, way in {way.trunk: way for way in all_ways}.items():
        first, *rest = (*way.steps, way.end)
        lines += [f"[{trunk}]", f"exten => _[+0-9].,1,{first}"]
        lines += [f" same => n,{step}" for step in rest]
    return "\n".join(lines) + "\n"
