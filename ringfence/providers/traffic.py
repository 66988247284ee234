"""Which call records are a provider's, and which are the traffic that a notice is about.

Reads records that somebody else has fetched; costs nothing on a call's way and fetches nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ringfence.attestation import Attestation, Level, Verification
from ringfence.call import Call, CallAttempt
from ringfence.calllog.record import CallRecord, utc_text
from ringfence.numbers import Number
from ringfence.providers.model import Provider
from ringfence.providers.notice import Notice
from ringfence.rules import Rule
from ringfence.rules.compile import compile_rule
from ringfence.rules.match import Compiled, compile_value
from ringfence.verdict import Action, Reason

# by name, as a record may be of another version, or of somebody's hand
_LEVELS = {str(level): level for level in Level}
_VERIFICATIONS = {str(each): each for each in Verification}


class Whose:
    """By what a provider's calls are known: its trunks, addresses and signers."""

    def __init__(self, id: str, provider: Provider, trunks: Collection[str]) -> None:
        self._id = id
        self._trunks = frozenset(trunks)
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(each) for each in provider.addresses
        ]
        self._signers = frozenset(each.upper() for each in provider.signers)

    def is_direct(self, record: CallRecord) -> bool:
        """It came from the provider itself, by what was known at the time or is known now."""
        if record.trunk in self._trunks or record.provider == self._id:
            return True
        if not self._networks:
            return False
        try:
            address = ip_address(CallAttempt(source=record.source).source_ip)
        except ValueError:
            return False
        if address.version == 6 and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def is_signed(self, record: CallRecord) -> bool:
        """It carries the provider's signature, and that held."""
        passed = record.verification == Verification.PASSED
        codes = {each.upper() for each in (record.signer, *record.diverters)}
        return passed and not codes.isdisjoint(self._signers)

    def is_theirs(self, record: CallRecord) -> bool:
        """Either of both."""
        return self.is_direct(record) or self.is_signed(record)


class Watch:
    """The traffic of one notice after its time."""

    def __init__(self, notice: Notice, whose: Whose | None) -> None:
        self._whose = whose
        self._since = utc_text(notice.began.timestamp())
        self._callers = [compile_value("caller", each) for each in notice.traffic.callers]
        self._called = [compile_value("called", each) for each in notice.traffic.called]

    def is_numbers(self, record: CallRecord) -> bool:
        """Its numbers are among those that the notice names; where it names none, any."""
        if record.time < self._since:
            return False
        call, at = call_of_record(record), _at(record)
        return _any(self._callers, call, at) and _any(self._called, call, at)

    def matches(self, record: CallRecord) -> bool:
        """It is such a call, and comes from the provider."""
        theirs = self._whose is None or self._whose.is_theirs(record)
        return theirs and self.is_numbers(record)


class Tally:
    """How many calls, how many of them were not let through, and how they were signed."""

    def __init__(self) -> None:
        self.attempts = 0
        self.blocked = 0
        self.direct = 0
        self.levels: Counter[str] = Counter()

    def add(self, record: CallRecord, *, direct: bool) -> None:
        """Count one call."""
        self.attempts += 1
        self.direct += direct
        self.blocked += was_blocked(record)
        self.levels[record.attestation] += 1

    @property
    def mix(self) -> str:
        """``A 60 %, none 40 %``: how the calls were attested."""
        shares = ((level, self.levels[level]) for level in Level if self.levels[level])
        return ", ".join(f"{level} {100 * count // self.attempts} %" for level, count in shares)


def was_blocked(record: CallRecord) -> bool:
    """It was refused, or heard a message in place of who was called."""
    return record.action in (Action.BLOCK, Action.INTERCEPT)


class Hit:
    """Which records rules would have met; emergency calls are met by none."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [compile_rule(rule) for rule in rules]

    def by(self, record: CallRecord) -> str:
        """The first rule that meets it, "" for none."""
        if record.reason == Reason.EMERGENCY:
            return ""
        call = call_of_record(record)
        at = _at(record)
        for rule in self._rules:
            if rule.test(call, {}, at) is not None:
                return rule.rule.id
        return ""


def call_of_record(record: CallRecord) -> Call:
    """The call as rules saw it, as far as its record tells."""
    return Call(
        called=_number(record.called_e164, record.called),
        caller=_number(record.caller_e164, record.caller, record.anonymous),
        trunk=record.trunk,
        provider=record.provider,
        source_ip=CallAttempt(source=record.source).source_ip,
        caller_name=record.caller_name,
        attestation=Attestation(
            level=_LEVELS.get(record.attestation, Level.NONE),
            verification=_VERIFICATIONS.get(record.verification, Verification.NONE),
            origid=record.origid,
            signer=record.signer,
            diverters=record.diverters,
        ),
    )


def _at(record: CallRecord) -> float:
    try:
        return datetime.fromisoformat(record.time).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _number(e164: str, written: str, anonymous: bool = False) -> Number:
    key = int(e164[1:]) if e164[1:].isdigit() else 0
    return Number(e164, key, e164 or ("anonymous" if anonymous else written[:64]), anonymous)


def _any(conditions: Iterable[Compiled], call: Call, at: float) -> bool:
    conditions = tuple(conditions)
    return not conditions or any(each.test(call, {}, at) for each in conditions)
