"""Trust roots that change, revocation lists, and what is fetched again before it is old."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lab.shaken.authority import Authority
from ringfence.attestation.certificate import Signer
from ringfence.attestation.failure import PENDING, Failure, Reason
from ringfence.certificates.disk import Kept
from ringfence.certificates.memory import REFRESH_SECONDS
from ringfence.certificates.revocation import FRESH_SECONDS
from ringfence.settings import AttestationSection, SettingsRefused
from tests.certificates.conftest import Clock, Open, Web

DAY = timedelta(days=1)


def reason_of(found: object) -> Reason:
    assert isinstance(found, Failure)
    return found.reason


def trust_list(*authorities: Authority, expires: float | None = None) -> bytes:
    claims = {"trustList": [each.roots_pem.decode() for each in authorities], "exp": expires}
    parts = (json.dumps({"alg": "ES256"}), json.dumps(claims), "x")
    return b".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in parts)


# -- trust roots -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["file", "folder", "list"])
async def test_trust_roots_may_be_a_file_a_folder_or_the_administrators_list(
    web: Web,
    authority: Authority,
    open_store: Open,
    settings: AttestationSection,
    tmp_path: Path,
    form: str,
) -> None:
    path = tmp_path / "trusted"
    if form == "folder":
        path.mkdir()
        (path / "a.pem").write_bytes(Authority("Another").roots_pem)
        (path / "b.crt").write_bytes(authority.roots_pem)
        (path / "notes.txt").write_text("no certificate")
    else:
        path.write_bytes(authority.roots_pem if form == "file" else trust_list(authority))
    store = open_store(msgspec.structs.replace(settings, roots=str(path))).store
    assert isinstance(
        await store.wait(web.put("/a.pem", authority.signer("818H").pem), 5.0), Signer
    )
    assert store.problem == ""


async def test_a_root_that_is_taken_out_takes_its_signers_with_it(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path, clock: Clock
) -> None:
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    store, upkeep = open_store()
    await store.wait(x5u, 5.0)
    (tmp_path / "roots.pem").write_bytes(Authority("Another").roots_pem)
    await upkeep.look()
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.UNTRUSTED


async def test_a_root_that_is_put_in_brings_its_signers_at_once(
    web: Web, open_store: Open, tmp_path: Path, clock: Clock
) -> None:
    new = Authority("New")
    x5u = web.put("/a.pem", new.signer("818H").pem)
    store, upkeep = open_store()
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.UNTRUSTED
    with (tmp_path / "roots.pem").open("ab") as file:
        file.write(new.roots_pem)
    await upkeep.look()
    assert isinstance(await store.wait(x5u, 5.0), Signer)


async def test_roots_that_stay_keep_their_signers(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path, clock: Clock
) -> None:
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    store, upkeep = open_store()
    await store.wait(x5u, 5.0)
    (tmp_path / "roots.pem").write_bytes(trust_list(Authority("New"), authority))
    await upkeep.look()
    assert isinstance(store.get(x5u, clock.now), Signer)


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nx", None])
async def test_broken_roots_leave_the_last_good_ones_in_force(
    web: Web,
    authority: Authority,
    open_store: Open,
    tmp_path: Path,
    clock: Clock,
    content: bytes | None,
) -> None:
    roots = tmp_path / "roots.pem"
    store, upkeep = open_store()
    roots.unlink() if content is None else roots.write_bytes(content)
    await upkeep.look()
    assert "roots.pem" in store.problem
    assert "\n" not in store.problem
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    assert isinstance(await store.wait(x5u, 5.0), Signer)
    roots.write_bytes(authority.roots_pem)
    await upkeep.look()
    assert store.problem == ""


async def test_broken_roots_stop_no_start_and_no_signature_counts(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path, clock: Clock
) -> None:
    roots = tmp_path / "roots.pem"
    roots.unlink()
    store, upkeep = open_store()
    assert "roots.pem: No such file" in store.problem
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    assert store.get(x5u, clock.now) == Failure(Reason.NO_TRUST_ROOTS, store.problem)
    roots.write_bytes(authority.roots_pem)
    await upkeep.look()
    assert store.get(x5u, clock.now) is PENDING


async def test_a_list_that_has_expired_counts_and_says_so(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "roots.pem").write_bytes(trust_list(authority, expires=clock.now + 60))
    store = open_store().store
    assert store.problem == ""
    clock.now += 61
    assert "has expired" in store.problem
    assert isinstance(await store.wait(web.put("/a", authority.signer("1").pem), 5.0), Signer)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"x", "no PEM certificates")]
)
async def test_a_wrong_tls_ca_stops_the_start(
    settings: AttestationSection,
    open_store: Open,
    tmp_path: Path,
    content: bytes | None,
    said: str,
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsRefused, match=rf"attestation\.tls_ca: .*ca\.pem: {said}"):
        open_store(msgspec.structs.replace(settings, tls_ca=str(path)))


# -- revocation lists --------------------------------------------------------------------------


async def test_a_certificate_on_its_issuers_list_is_revoked(
    web: Web, authority: Authority, open_store: Open
) -> None:
    crl = web.url("/crl")
    bad, good = (authority.signer(spc, crl=crl) for spc in ("1", "2"))
    web.put("/crl", authority.revocation_list([bad.chain[0]]))
    store = open_store().store
    found = await store.wait(web.put("/bad.pem", bad.pem), 5.0)
    assert reason_of(found) is Reason.REVOKED
    assert isinstance(await store.wait(web.put("/good.pem", good.pem), 5.0), Signer)
    assert web.asked["/crl"] == 1


async def test_an_indirect_list_of_the_roots_owner_counts(
    web: Web, authority: Authority, open_store: Open
) -> None:
    bad = authority.signer("1", crl=web.url("/crl"))
    web.put("/crl", authority.revocation_list([bad.chain[0]], indirect=True))
    found = await open_store().store.wait(web.put("/bad.pem", bad.pem), 5.0)
    assert reason_of(found) is Reason.REVOKED


async def test_a_list_signed_by_whom_the_admin_names_counts_and_by_others_not(
    web: Web,
    authority: Authority,
    open_store: Open,
    settings: AttestationSection,
    tmp_path: Path,
) -> None:
    administrator = Authority("Administrator")
    bad = authority.signer("1", crl=web.url("/crl"))
    web.put("/crl", administrator.revocation_list([bad.chain[0]], indirect=True))
    x5u = web.put("/bad.pem", bad.pem)
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)
    issuers = tmp_path / "issuers.pem"
    issuers.write_bytes(administrator.roots_pem)
    store = open_store(msgspec.structs.replace(settings, crl_issuers=str(issuers))).store
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.REVOKED


async def test_a_signer_who_is_taken_back_later_no_longer_counts(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    signer = authority.signer("1", crl=web.url("/crl"))
    web.put("/crl", authority.revocation_list([]))
    x5u = web.put("/a.pem", signer.pem)
    store, upkeep = open_store()
    assert isinstance(await store.wait(x5u, 5.0), Signer)
    web.put("/crl", authority.revocation_list([signer.chain[0]]))
    clock.now += FRESH_SECONDS + 1
    await upkeep.look()
    assert reason_of(store.get(x5u, clock.now)) is Reason.REVOKED


async def test_a_list_that_another_ones_call_brought_takes_a_signer_back_too(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    first, second = (authority.signer(spc, crl=web.url("/crl")) for spc in ("1", "2"))
    web.put("/crl", authority.revocation_list([]))
    x5u = web.put("/1.pem", first.pem)
    store, upkeep = open_store()
    await store.wait(x5u, 5.0)
    web.put("/crl", authority.revocation_list([first.chain[0]]))
    clock.now += FRESH_SECONDS + 1
    assert isinstance(await store.wait(web.put("/2.pem", second.pem), 5.0), Signer)
    await upkeep.look()
    assert reason_of(store.get(x5u, clock.now)) is Reason.REVOKED


async def test_a_required_list_whose_server_stays_away_stops_its_signers_in_the_end(
    web: Web, authority: Authority, open_store: Open, settings: AttestationSection, clock: Clock
) -> None:
    web.put("/crl", authority.revocation_list([]))
    x5u = web.put("/a.pem", authority.signer("1", crl=web.url("/crl")).pem)
    store, upkeep = open_store(msgspec.structs.replace(settings, crl="require"))
    assert isinstance(await store.wait(x5u, 5.0), Signer)
    web.remove("/crl")
    clock.now += DAY.total_seconds()
    await upkeep.look()
    await store.settled()
    assert isinstance(store.get(x5u, clock.now), Signer)
    clock.now += DAY.total_seconds()
    await upkeep.look()
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.UNTRUSTED


async def test_a_list_that_cannot_be_had_stops_nobody_unless_it_is_required(
    web: Web, authority: Authority, open_store: Open, settings: AttestationSection
) -> None:
    x5u = web.put("/a.pem", authority.signer("1", crl=web.url("/crl")).pem)
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)
    store = open_store(msgspec.structs.replace(settings, crl="require")).store
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.UNTRUSTED
    without = web.put("/b.pem", authority.signer("2").pem)
    assert reason_of(await store.wait(without, 5.0)) is Reason.UNTRUSTED


async def test_switched_off_no_list_is_fetched(
    web: Web, authority: Authority, open_store: Open, settings: AttestationSection
) -> None:
    signer = authority.signer("1", crl=web.url("/crl"))
    web.put("/crl", authority.revocation_list([signer.chain[0]]))
    store = open_store(msgspec.structs.replace(settings, crl="off")).store
    assert isinstance(await store.wait(web.put("/a.pem", signer.pem), 5.0), Signer)
    assert web.asked["/crl"] == 0


async def test_whom_an_old_list_names_stays_revoked_while_its_server_is_away(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    signer = authority.signer("1", crl=web.url("/crl"))
    web.put("/crl", authority.revocation_list([signer.chain[0]]))
    x5u = web.put("/a.pem", signer.pem)
    await open_store().store.wait(x5u, 5.0)
    web.remove("/crl")
    clock.now += 2 * FRESH_SECONDS
    store, upkeep = open_store()
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.REVOKED
    clock.now += 2 * FRESH_SECONDS
    await upkeep.look()
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.REVOKED


async def test_a_required_list_that_is_long_out_of_date_is_as_good_as_none(
    web: Web, authority: Authority, open_store: Open, settings: AttestationSection, clock: Clock
) -> None:
    began = datetime.fromtimestamp(clock.now, UTC) - 5 * DAY
    web.put("/crl", authority.revocation_list([], begins=began))
    x5u = web.put("/a.pem", authority.signer("1", crl=web.url("/crl")).pem)
    store = open_store(msgspec.structs.replace(settings, crl="require")).store
    assert reason_of(await store.wait(x5u, 5.0)) is Reason.UNTRUSTED


async def test_workers_share_the_revocation_list_too(
    web: Web, authority: Authority, open_store: Open
) -> None:
    web.put("/crl", authority.revocation_list([]))
    x5u = web.put("/a.pem", authority.signer("1", crl=web.url("/crl")).pem)
    for _ in range(3):
        assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)
    assert web.asked["/crl"] == 1


async def test_no_authority_takes_back_another_ones_certificates(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path
) -> None:
    rival = Authority("Rival")
    with (tmp_path / "roots.pem").open("ab") as file:
        file.write(rival.roots_pem)
    # the rival's own signer, first, makes its list known
    signer, own = authority.signer("1", crl=web.url("/crl")), rival.signer("2", crl=web.url("/crl"))
    web.put("/crl", rival.revocation_list([signer.chain[0], own.chain[0]]))
    store = open_store().store
    assert reason_of(await store.wait(web.put("/own.pem", own.pem), 5.0)) is Reason.REVOKED
    assert isinstance(await store.wait(web.put("/a.pem", signer.pem), 5.0), Signer)


async def test_one_list_of_the_roots_owner_is_read_once_for_all_authorities(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path
) -> None:
    rival = Authority("Rival")
    with (tmp_path / "roots.pem").open("ab") as file:
        file.write(rival.roots_pem)
    bad, good = rival.signer("1", crl=web.url("/crl")), authority.signer("2", crl=web.url("/crl"))
    web.put("/crl", authority.revocation_list([bad.chain[0]], indirect=True))
    store = open_store().store
    assert isinstance(await store.wait(web.put("/good.pem", good.pem), 5.0), Signer)
    assert reason_of(await store.wait(web.put("/bad.pem", bad.pem), 5.0)) is Reason.REVOKED
    assert web.asked["/crl"] == 1


# -- certificates ------------------------------------------------------------------------------


async def test_what_calls_used_is_fetched_again_by_itself_and_the_rest_is_not(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    used, idle = (web.put(f"/{spc}.pem", authority.signer(spc).pem) for spc in ("1", "2"))
    store, upkeep = open_store()
    for x5u in (used, idle):
        await store.wait(x5u, 5.0)
    clock.now += REFRESH_SECONDS - 60
    store.get(used, clock.now)
    clock.now += 120
    await upkeep.look()
    await store.settled()
    assert (web.asked["/1.pem"], web.asked["/2.pem"]) == (2, 1)


async def test_after_a_restart_the_first_call_finds_what_is_on_disk_in_memory(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    await open_store().store.wait(x5u, 5.0)
    store, upkeep = open_store()
    await upkeep.warm()
    assert isinstance(store.get(x5u, clock.now), Signer)


async def test_after_a_fault_the_disk_is_not_read_anew_each_time(
    web: Web, authority: Authority, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_store().store.wait(web.put("/a.pem", authority.signer("818H").pem), 5.0)
    store, upkeep = open_store()
    restored: list[str] = []

    async def restore(kept: Kept, *, proven: bool) -> None:
        restored.append(kept.address)

    async def look() -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(store, "restore", restore)
    monkeypatch.setattr(upkeep, "look", look)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await upkeep.run()
    assert restored == [web.url("/a.pem")]


async def test_what_nobody_used_for_a_month_goes_from_the_disk(
    web: Web, authority: Authority, open_store: Open, clock: Clock, tmp_path: Path
) -> None:
    store, upkeep = open_store()
    await store.wait(web.put("/a.pem", authority.signer("818H").pem), 5.0)
    await upkeep.look()
    assert len(list(tmp_path.rglob("*.kept"))) == 1
    clock.now += 31 * DAY.total_seconds()
    await upkeep.look()
    assert list(tmp_path.rglob("*.kept")) == []


async def test_a_crowded_disk_is_tidied_before_the_hour_is_over(
    open_store: Open, clock: Clock, tmp_path: Path
) -> None:
    _, upkeep = open_store()
    await upkeep.look()
    disk = upkeep._disks[0]
    for n in range(1_400):
        disk.save(Kept(f"https://a.example/{n}", clock.now, b"body"))
    await upkeep.look()
    assert len(list(tmp_path.rglob("*.kept"))) == 1_024


async def test_the_files_of_a_signer_whose_signature_held_lie_apart(
    web: Web, authority: Authority, open_store: Open, clock: Clock, tmp_path: Path
) -> None:
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    store, upkeep = open_store()
    await store.wait(x5u, 5.0)
    store.proved(x5u)
    await upkeep.look()
    await open_store().upkeep.warm()
    (kept,) = tmp_path.rglob("*.kept")
    assert kept.parent.name == "proven"
