"""What a call is told about a signer, and what happens behind it, with a real HTTPS server."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lab.shaken.authority import Authority
from ringfence.attestation.certificate import Signer
from ringfence.attestation.failure import PENDING, Failure, Reason
from ringfence.certificates.memory import REFRESH_SECONDS
from ringfence.certificates.store import DOUBT_SECONDS
from ringfence.settings import AttestationSection
from tests.certificates.conftest import Clock, Open, Web

DAY = 86_400.0


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_an_unknown_certificate_is_pending_and_the_next_call_has_it(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    store = open_store().store
    assert store.get(x5u, clock.now) is PENDING
    await store.settled()
    signer = store.get(x5u, clock.now)
    assert isinstance(signer, Signer)
    assert signer.spc == "818H"


async def test_a_call_may_wait_for_a_certificate_that_comes_soon(
    web: Web, authority: Authority, open_store: Open
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)


async def test_a_call_never_waits_longer_than_its_share(web: Web, open_store: Open) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    store = open_store().store
    began = time.perf_counter()
    assert await store.wait(web.play("/hang.pem", hang), 0.05) is PENDING
    assert time.perf_counter() - began < 0.5


async def test_a_caller_who_hangs_up_does_not_end_the_fetch(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    store = open_store().store
    waiting = asyncio.create_task(store.wait(x5u, 5.0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await store.settled()
    assert isinstance(store.get(x5u, clock.now), Signer)


async def test_many_calls_for_one_certificate_cause_one_fetch(
    web: Web, authority: Authority, open_store: Open
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    store = open_store().store
    found = await asyncio.gather(*(store.wait(x5u, 5.0) for _ in range(200)))
    assert all(isinstance(each, Signer) for each in found)
    assert web.asked["/818H.pem"] == 1


async def test_workers_share_one_fetch(web: Web, authority: Authority, open_store: Open) -> None:
    pem = authority.signer("818H").pem

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(pem) + pem)

    x5u = web.play("/818H.pem", slowly)
    stores = [open_store().store for _ in range(4)]
    found = await asyncio.gather(*(store.wait(x5u, 5.0) for store in stores))
    assert all(isinstance(each, Signer) for each in found)
    assert web.asked["/818H.pem"] == 1


async def test_a_restart_costs_no_fetch(web: Web, authority: Authority, open_store: Open) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    await open_store().store.wait(x5u, 5.0)
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)
    assert web.asked["/818H.pem"] == 1


async def test_a_damaged_file_is_fetched_again(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    await open_store().store.wait(x5u, 5.0)
    (file,) = (tmp_path / "state").rglob("*.kept")
    file.write_bytes(file.read_bytes()[:-40])
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)
    assert web.asked["/818H.pem"] == 2


async def test_without_a_place_to_write_certificates_are_fetched_all_the_same(
    web: Web, authority: Authority, open_store: Open, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no folder")
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)


async def test_what_cannot_be_fetched_is_not_asked_for_again_at_once(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    store = open_store().store
    x5u = web.url("/818H.pem")
    assert await store.wait(x5u, 5.0) == Failure(Reason.NO_CERTIFICATE, "status 404")
    assert store.get(x5u, clock.now) == Failure(Reason.NO_CERTIFICATE, "status 404")
    assert web.asked["/818H.pem"] == 1
    web.put("/818H.pem", authority.signer("818H").pem)
    clock.now += 31
    assert isinstance(await store.wait(x5u, 5.0), Signer)


async def test_what_fails_again_is_left_alone_for_longer(
    web: Web, open_store: Open, clock: Clock
) -> None:
    store = open_store().store
    x5u = web.url("/818H.pem")
    for pause in (0, 31, 61, 121):
        clock.now += pause
        await store.wait(x5u, 5.0)
    assert web.asked["/818H.pem"] == 4
    clock.now += 121
    await store.wait(x5u, 5.0)
    assert web.asked["/818H.pem"] == 4


async def test_an_untrusted_certificate_says_so_and_is_kept_nowhere(
    web: Web, open_store: Open, tmp_path: Path
) -> None:
    x5u = web.put("/818H.pem", Authority("Strangers").signer("818H").pem)
    found = await open_store().store.wait(x5u, 5.0)
    assert isinstance(found, Failure)
    assert found.reason is Reason.UNTRUSTED
    assert list((tmp_path / "state").rglob("*.kept")) == []


async def test_an_x5u_against_the_rules_is_never_fetched(open_store: Open, clock: Clock) -> None:
    store = open_store().store
    for x5u in ("http://127.0.0.1:8443/a", "https://127.0.0.1:22/a", "https://u@127.0.0.1/a", ""):
        found = store.get(x5u, clock.now)
        assert isinstance(found, Failure)
        assert found.reason is Reason.BAD_X5U


async def test_without_trust_roots_nothing_is_fetched(
    web: Web, authority: Authority, open_store: Open, settings: AttestationSection, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    store = open_store(msgspec.structs.replace(settings, roots="")).store
    found = store.get(x5u, clock.now)
    assert isinstance(found, Failure)
    assert found.reason is Reason.NO_TRUST_ROOTS
    assert web.connections == 0


async def test_a_certificate_is_used_for_a_day_without_a_fetch_and_never_past_its_end(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    ends = at(clock.now + 3 * DAY)
    x5u = web.put("/818H.pem", authority.signer("818H", ends=ends).pem)
    store = open_store().store
    await store.wait(x5u, 5.0)
    clock.now += REFRESH_SECONDS - 10
    assert isinstance(store.get(x5u, clock.now), Signer)
    await store.settled()
    assert web.asked["/818H.pem"] == 1
    web.remove("/818H.pem")
    clock.now = ends.timestamp() - 1
    assert isinstance(store.get(x5u, clock.now), Signer)
    await store.settled()
    clock.now = ends.timestamp() + 1
    assert store.get(x5u, clock.now) is PENDING
    await store.settled()
    assert isinstance(store.get(x5u, clock.now), Failure)


async def test_a_certificate_is_fetched_again_before_it_expires_and_no_call_waits(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H", ends=at(clock.now + 7_200)).pem)
    store = open_store().store
    await store.wait(x5u, 5.0)
    new = authority.signer("818H", ends=at(clock.now + 10 * DAY))
    web.put("/818H.pem", new.pem)
    clock.now += 5_600
    assert isinstance(store.get(x5u, clock.now), Signer)
    await store.settled()
    signer = store.get(x5u, clock.now)
    assert isinstance(signer, Signer)
    assert signer.chain[0] == new.chain[0]


async def test_one_worker_takes_the_renewed_certificate_of_another(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    stores = [open_store().store for _ in range(2)]
    for store in stores:
        await store.wait(x5u, 5.0)
    clock.now += REFRESH_SECONDS + 1
    for store in stores:
        store.get(x5u, clock.now)
        await store.settled()
    assert web.asked["/818H.pem"] == 2


async def test_a_server_that_fails_takes_no_certificate_out_of_force(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    store = open_store().store
    await store.wait(x5u, 5.0)
    for broken in (b"<html>sorry</html>", Authority("Strangers").signer("818H").pem):
        web.put("/818H.pem", broken)
        clock.now += REFRESH_SECONDS
        store.get(x5u, clock.now)
        await store.settled()
        assert isinstance(store.get(x5u, clock.now), Signer)
    await store.settled()


async def test_a_signature_that_fails_has_the_certificate_fetched_again_and_not_each_time(
    web: Web, authority: Authority, open_store: Open, clock: Clock
) -> None:
    x5u = web.put("/818H.pem", authority.signer("818H").pem)
    store = open_store().store
    await store.wait(x5u, 5.0)
    new = authority.signer("818H")
    web.put("/818H.pem", new.pem)
    store.doubted(x5u, clock.now)
    await store.settled()
    assert web.asked["/818H.pem"] == 1  # it came this very moment
    clock.now += DOUBT_SECONDS
    for _ in range(3):
        store.doubted(x5u, clock.now)
        await store.settled()
    assert web.asked["/818H.pem"] == 2
    signer = store.get(x5u, clock.now)
    assert isinstance(signer, Signer)
    assert signer.chain[0] == new.chain[0]
