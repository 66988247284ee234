"""One call: as a door heard it (`CallAttempt`), and as rules see it (`Call`).

Owns the wire form in which the dialplan tells the facts. Knows nothing of rules, trunks' settings
or channels: an attempt is the trunk's word, bounded and cleaned, not yet believed.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import msgspec

from ringfence.attestation.model import UNKNOWN, Attestation
from ringfence.numbers import Number

MAX_FACTS = 8_192
"""Bytes of the facts text that are read; Asterisk's own application argument is no longer."""
MAX_VALUE = 2_048
"""Characters kept of one fact. An Identity header has about 800."""
MAX_FACTS_COUNT = 64
MAX_IDENTITIES = 4
"""Identity headers that the dialplan hands on: one, and those of three diversions."""
MAX_RESULTS = 4
"""Results of Asterisk's own verifier."""

_FREQUENT = tuple((f"%{ord(sign):02X}", sign) for sign in "+:@ ")
"""What is encoded in most calls. It can neither end a value nor be part of another code."""
_IN_IDENTITY = tuple((f"%{ord(sign):02X}", sign) for sign in ";=</>")
"""What is encoded in most Identity headers besides, and no more a part of another code."""
_IDENTITIES = tuple(f"id.{n}" for n in range(1, MAX_IDENTITIES + 1))
_RESULTS = tuple(f"ss.{n}" for n in range(MAX_RESULTS))
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,3})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class CallAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one call at set-up, as text from strangers: bounded, without control characters.

    `timeout` is the absolute time-out in seconds that the call had before it was screened, "0" for
    none. `trunk` is the PJSIP endpoint, `source` the far end's ``address:port``, `presentation`
    Asterisk's CALLERID(pres). `headers` has the SIP headers that the dialplan read, by lower-case
    name. `stir_shaken` has ``(verify_result, attestation)`` for each of Asterisk's own results.
    `identities` are the Identity headers in their order; None where the dialplan did not look.
    """

    called: str = ""
    caller: str = ""
    caller_name: str = ""
    presentation: str = ""
    trunk: str = ""
    source: str = ""
    sip_call_id: str = ""
    channel: str = ""
    uniqueid: str = ""
    timeout: str = "0"
    headers: dict[str, str] = {}
    stir_shaken: tuple[tuple[str, str], ...] = ()
    identities: tuple[str, ...] | None = None

    @property
    def source_ip(self) -> str:
        """The address in `source`: of ``192.0.2.1:5060``, of ``[2001:db8::1]:5060``."""
        address, _, port = self.source.partition(":")
        if port.isdigit():
            return address
        if self.source.startswith("["):
            return self.source[1:].partition("]")[0]
        return address if self.source.count(":") == 1 else self.source


def clean(text: str, limit: int = MAX_VALUE) -> str:
    """`text` bounded to `limit` characters, each run of control characters made one space."""
    text = text[:limit]
    return text if text.isprintable() else _CONTROL.sub(" ", text)


def endpoint_of(channel: str) -> str:
    """The endpoint in a channel name: ``carrier-a`` of ``PJSIP/carrier-a-0000002f``."""
    return channel.partition("/")[2].rpartition("-")[0]


def parse_facts(text: str, *, channel: str = "", uniqueid: str = "") -> CallAttempt:
    """Read the dialplan's facts: ``name=value`` pairs joined by ``&``, values URI-encoded.

    Lenient on purpose, as it reads what strangers sent: an unknown name is left out, broken
    UTF-8 is read as Latin-1, a value is bounded, a repeated name keeps its first value. Names:
    ``called caller name pres trunk addr callid to``, ``h.<header>`` for a SIP header,
    ``ss.<n>`` for ``verify_result:attestation`` of STIR_SHAKEN(n), ``id`` where the dialplan
    looked for Identity headers and ``id.<n>``, from 1, for those it found. See
    dialplan/README.md.
    """
    facts: dict[str, str] = {}
    text = text[:MAX_FACTS]
    for code, sign in _FREQUENT:
        text = text.replace(code, sign)
    if "&id.1=" in text:
        for code, sign in _IN_IDENTITY:
            text = text.replace(code, sign)
    plain = len(text) <= MAX_VALUE and text.isascii() and text.isprintable()
    for pair in text.split("&", MAX_FACTS_COUNT)[:MAX_FACTS_COUNT]:
        name, _, value = pair.partition("=")
        if value and name not in facts:
            facts[name] = value if plain and "%" not in value else _decode(value)
    headers: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    names = "".join(facts)
    if "h." in names:  # most calls have neither
        for name, value in facts.items():
            if name.startswith("h."):
                headers.setdefault(name[2:].lower(), value)
    if "ss." in names:
        levels = [facts.get(name, "").partition(":") for name in _RESULTS]
        results = [(level[0], level[2]) for level in levels if level[0]]
    identities = None
    if "id" in facts:
        # One that Asterisk could not hand over (it has 4,096 bytes for it) keeps its place.
        found = [facts.get(name, "") for name in _IDENTITIES]
        while found and not found[-1]:
            found.pop()
        identities = tuple(found)
    channel = clean(channel, 256)
    timeout = facts.get("to", "0")
    return CallAttempt(
        called=facts.get("called", ""),
        caller=facts.get("caller", ""),
        caller_name=facts.get("name", ""),
        presentation=facts.get("pres", ""),
        trunk=facts.get("trunk", "") or endpoint_of(channel),
        source=facts.get("addr", ""),
        sip_call_id=facts.get("callid", ""),
        channel=channel,
        uniqueid=clean(uniqueid, 128),
        timeout=timeout if timeout == "0" or _SECONDS.fullmatch(timeout) else "0",
        headers=headers,
        stir_shaken=tuple(results),
        identities=identities,
    )


def _decode(value: str) -> str:
    # "replace": a lone surrogate, which JSON can bring, is no text that could be encoded
    raw = unquote_to_bytes(value[: 3 * MAX_VALUE].encode("utf-8", "replace"))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        # a Latin-1 caller name, or a UTF-8 one that the dialplan's bound cut in a character
        text = raw.decode("utf-8", "ignore") if _is_cut_utf8(raw) else raw.decode("latin-1")
    return clean(text)


def _is_cut_utf8(raw: bytes) -> bool:
    for cut in (1, 2, 3):
        head = raw[:-cut]
        try:
            head.decode()
        except UnicodeDecodeError:
            continue
        # Only what is long was cut, or was UTF-8 before: the last letter of "José" is Latin-1.
        return len(raw) > cut and raw[-cut] >= 0xC0 and (len(raw) >= 64 or not head.isascii())
    return False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as rules see it: numbers in E.164, the attestation as far as its trunk is trusted.

    `user_agent` is there where the dialplan handed the header on.
    """

    called: Number
    caller: Number
    trunk: str = ""
    provider: str = ""
    source_ip: str = ""
    caller_name: str = ""
    user_agent: str = ""
    attestation: Attestation = UNKNOWN
