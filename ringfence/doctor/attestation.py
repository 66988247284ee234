"""Can Identity headers be verified, and does anything wait for it? Fetches and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ringfence.attestation.roots import RootsError
from ringfence.certificates.anchors import Anchors, parse_anchors
from ringfence.certificates.build import FOLDER
from ringfence.certificates.fetch import tls_context, tls_fault
from ringfence.certificates.watched import Unreadable, Watched
from ringfence.doctor.finding import Finding, fail, ok, warn
from ringfence.rules import Rule
from ringfence.settings import AttestationSection, Settings
from ringfence.trunk import DEFAULT_TRUNK, Trunk

PART = "attestation"
MOST_SHOWN = 3
SOON_DAYS = 30
_DAY = 86_400.0
_SET_ROOTS = "set attestation.roots to the policy administrator's list, or to PEM files"
_FETCH_AGAIN = "fetch the policy administrator's list again"
OURS_ALONE = ("signer", "diverter", "reason")
"""Conditions on what nobody but our own verifier tells."""
OTHERS_TOO = ("attestation", "verification", "origid")


def examine_attestation(
    settings: Settings, rules: Sequence[Rule], trunks: Mapping[str, Trunk], now: float
) -> Iterator[Finding]:
    """Roots, and who needs them; the servers' authorities; the cache."""
    section = settings.attestation
    if section.roots:
        yield from _roots(section, now)
        yield _cache(settings.state.path / FOLDER)
    else:
        yield ok(PART, "no trust roots: Identity headers are not verified here")
        yield from _missed(rules, trunks)
    if section.tls_ca:
        yield _tls(section.tls_ca)


def _roots(section: AttestationSection, now: float) -> Iterator[Finding]:
    files = [Watched(Path(name)) for name in (section.roots, section.crl_issuers) if name]
    try:
        anchors = parse_anchors(files)
    except (RootsError, Unreadable) as error:
        yield fail(PART, f"the trust roots are refused: {error}",
                   "mend it: until then no new ones are in force")  # fmt: skip
        return
    yield _running_out(anchors, now)
    if anchors.expires is not None and anchors.expires < now:
        yield warn(PART, f"{section.roots}: the list has expired", _FETCH_AGAIN)


def _running_out(anchors: Anchors, now: float) -> Finding:
    certificates = anchors.roots.certificates
    ends = sorted(one.not_valid_after_utc.timestamp() for one in certificates)
    gone = sum(end < now for end in ends)
    count = f"{len(ends)} trust roots" if len(ends) > 1 else "1 trust root"
    if gone:
        return warn(PART, f"{count}, {gone} of which have expired", _FETCH_AGAIN)
    what = f"{count}, the first expires on {datetime.fromtimestamp(ends[0], UTC):%Y-%m-%d}"
    return warn(PART, what, _FETCH_AGAIN) if ends[0] < now + SOON_DAYS * _DAY else ok(PART, what)


def _cache(folder: Path) -> Finding:
    # what is missing of it is made where the first certificate comes
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    parts = [each for each in (folder / "signers", folder / "lists") if each.exists()]
    shut = [each for each in (there, *parts) if not os.access(each, os.W_OK | os.X_OK)]
    if shut:
        return warn(
            PART,
            f"this account cannot write to {shut[0]}: a restart forgets the certificates",
            "give it to the account that runs `ringfence serve`, or ask as that one",
        )
    return ok(PART, f"certificates are kept in {folder}")


def _missed(rules: Sequence[Rule], trunks: Mapping[str, Trunk]) -> Iterator[Finding]:
    """What is written as if there were roots."""
    if named := [name for name, trunk in trunks.items() if _names_us(trunk)]:
        yield warn(PART, f"{_trunks(named)} to be verified by ringfence: without roots it finds "
                   "none, reason no-trust-roots", _SET_ROOTS)  # fmt: skip
    for field in OURS_ALONE:
        if using := _using(rules, field):
            yield warn(PART, f"{_rules(using)} for the {field}, which without roots is never "
                       "that of a verified call", _SET_ROOTS)  # fmt: skip
    if using := list(dict.fromkeys(r for field in OTHERS_TOO for r in _using(rules, field))):
        yield ok(PART, f"{_rules(using)} for the attestation: only Asterisk's verifier and trusted "
                 "headers tell it; with attestation.roots Ringfence verifies too")  # fmt: skip


def _tls(tls_ca: str) -> Finding:
    try:
        tls_context(Path(tls_ca))
    except OSError as error:
        return fail(PART, f"attestation.tls_ca: {tls_ca}: {tls_fault(error)}",
                    "export it again as PEM, or take the setting out")  # fmt: skip
    return ok(PART, f"{tls_ca} vouches for certificate servers besides this machine's own")


def _names_us(trunk: Trunk) -> bool:
    return "ringfence" in trunk.attestation and trunk.attestation != DEFAULT_TRUNK.attestation


def _using(rules: Sequence[Rule], field: str) -> list[str]:
    return [rule.id for rule in rules if rule.enabled and getattr(rule.when, field)]


def _rules(ids: Sequence[str]) -> str:
    return f"rule {_some(ids)} asks" if len(ids) == 1 else f"rules {_some(ids)} ask"


def _trunks(names: Sequence[str]) -> str:
    return f"trunk {_some(names)} is" if len(names) == 1 else f"trunks {_some(names)} are"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more
