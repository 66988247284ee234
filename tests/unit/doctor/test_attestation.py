"""What the doctor says of our own verifier: its roots, who needs them, and its cache."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lab.shaken import Authority
from ringfence.doctor.attestation import examine_attestation
from ringfence.doctor.finding import Finding, State
from ringfence.rules import Rule, decode_rule
from ringfence.settings import AttestationSection, Settings, StateSection
from ringfence.trunk import Trunk

DAY = 86_400.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def roots(authority: Authority, tmp_path: Path) -> Path:
    path = tmp_path / "roots.pem"
    path.write_bytes(authority.roots_pem)
    return path


def rule(id: str, **when: str) -> Rule:
    return decode_rule(id, msgspec.json.encode({"action": "block", "when": when}))


def found(
    tmp_path: Path,
    *rules: Rule,
    trunks: dict[str, Trunk] | None = None,
    now: float | None = None,
    **attestation: Any,
) -> list[Finding]:
    settings = Settings(
        attestation=AttestationSection(**attestation), state=StateSection(dir=str(tmp_path))
    )
    now = time.time() if now is None else now
    findings = list(examine_attestation(settings, rules, trunks or {}, now))
    for finding in findings:
        assert "\n" not in finding.what
        assert finding.mend or finding.state is State.OK
    return findings


def test_without_roots_and_without_need_nothing_is_wrong(tmp_path: Path) -> None:
    (only,) = found(tmp_path, rule("r", caller="anonymous"), trunks={"a": Trunk()})
    assert only.state is State.OK
    assert "no trust roots" in only.what


def test_a_trunk_that_names_our_verifier_needs_roots(tmp_path: Path) -> None:
    trunk = Trunk(attestation=("ringfence", "headers"))
    _, said = found(tmp_path, trunks={"a": trunk, "b": Trunk(), "c": Trunk(attestation=())})
    assert said.state is State.WARN
    assert said.what.startswith("trunk a is to be verified by ringfence")
    assert "no-trust-roots" in said.what
    assert "attestation.roots" in said.mend


@pytest.mark.parametrize("field", ["signer", "reason"])
def test_a_rule_on_what_only_our_verifier_tells_needs_roots(tmp_path: Path, field: str) -> None:
    value = {"signer": "818H", "reason": "stale"}[field]
    rules = [rule(name, **{field: value}) for name in ("r1", "r2", "r3", "r4")]
    _, said = found(tmp_path, *rules)
    assert said.state is State.WARN
    assert said.what.startswith(f"rules r1, r2, r3 and 1 more ask for the {field}")


def test_a_rule_on_the_level_is_told_who_else_knows_it(tmp_path: Path) -> None:
    off = msgspec.structs.replace(rule("off", signer="818H"), enabled=False)
    _, said = found(tmp_path, rule("r", attestation="C", verification="passed"), off)
    assert said.state is State.OK
    assert said.what.startswith("rule r asks for the attestation: only Asterisk's verifier")


def test_roots_are_counted_with_the_first_end(tmp_path: Path, roots: Path) -> None:
    first, cache = found(tmp_path, rule("r", signer="818H"), roots=str(roots))
    ends = datetime.now(UTC) + timedelta(days=30)
    assert first.what in {
        f"1 trust root, the first expires on {ends - timedelta(days=d):%Y-%m-%d}" for d in (0, 1)
    }
    assert cache.state is State.OK
    assert cache.what.endswith("/certificates")


@pytest.mark.parametrize(
    ("days", "state", "said"),
    [(0, State.OK, "the first"), (10, State.WARN, "the first"), (31, State.WARN, "1 of which")],
)
def test_roots_that_run_out_are_told_in_time(
    tmp_path: Path, roots: Path, days: int, state: State, said: str
) -> None:
    # the lab's live for thirty days
    now = time.time() - DAY + days * DAY
    first = found(tmp_path, roots=str(roots), now=now)[0]
    assert (first.state, said in first.what) == (state, True), first


@pytest.mark.parametrize("content", [None, b"nonsense", b""])
def test_roots_that_cannot_be_read_are_a_failure(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_bytes(content)
    first = found(tmp_path, roots=str(path))[0]
    assert first.state is State.FAIL
    assert str(path) in first.what


def test_authorities_of_certificate_servers_are_read(tmp_path: Path, roots: Path) -> None:
    assert found(tmp_path, tls_ca=str(roots))[-1].state is State.OK
    bad = tmp_path / "bad.pem"
    bad.write_text("nonsense")
    for path, why in ((bad, "no PEM certificates"), (tmp_path / "none", "No such file")):
        said = found(tmp_path, tls_ca=str(path))[-1]
        assert (said.state, why in said.what) == (State.FAIL, True), said


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, roots: Path) -> None:
    # a file in the folder's place: root may write into any folder
    (tmp_path / "certificates").touch(0o600)
    said = found(tmp_path, roots=str(roots))[-1]
    assert said.state is State.WARN
    assert "cannot write" in said.what
