"""What strangers' certificate servers can do to us: nothing that lasts, and nothing inside."""

from __future__ import annotations

import asyncio
import errno
import gzip
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import structlog

from lab.shaken.authority import Authority
from ringfence.attestation.certificate import Signer
from ringfence.attestation.failure import PENDING, Failure, Reason
from ringfence.certificates.lane import OF_ONE_SITE
from ringfence.settings import AttestationSection
from tests.certificates.conftest import Clock, Open, Play, Web

OK = b"HTTP/1.1 200 OK\r\n"


async def detail_of(open_store: Open, x5u: str, seconds: float = 10.0) -> str:
    found = await open_store().store.wait(x5u, seconds)
    assert isinstance(found, Failure)
    assert found.reason is Reason.NO_CERTIFICATE
    return found.detail


def for_ever(first: bytes, again: bytes, pause: float = 0.0) -> Play:
    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return play


@pytest.mark.parametrize(
    ("first", "again", "said"),
    [
        (OK + b"\r\n", b"x" * 10_000, "more than 65536 bytes"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n", "more"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500, "too many chunks"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 10_000, "too large"),
        (OK, b"X-Long: " + b"x" * 1_000 + b"\r\n", "too large"),
        (OK, b"a: b\r\n" * 100, "too large"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500, "interim answers without end"),
        (b"", b"\0" * 10_000, "too large"),
    ],
)
async def test_an_answer_without_end_ends_here(
    web: Web, open_store: Open, first: bytes, again: bytes, said: str
) -> None:
    x5u = web.play("/endless.pem", for_ever(first, again))
    assert said in await detail_of(open_store, x5u)


async def test_a_slow_drip_ends_with_the_time_of_a_fetch(
    web: Web, open_store: Open, settings: AttestationSection
) -> None:
    x5u = web.play("/drip.pem", for_ever(OK + b"\r\n", b"x", 0.01))
    store = open_store(msgspec.structs.replace(settings, fetch_timeout=0.3)).store
    began = time.perf_counter()
    assert await store.wait(x5u, 5.0) == Failure(Reason.NO_CERTIFICATE, "took longer than 0.3 s")
    assert time.perf_counter() - began < 2.0


async def test_who_never_says_a_word_in_tls_ends_with_the_time_of_a_fetch(
    open_store: Open, settings: AttestationSection
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.63.7.9", 8443)
    async with server:
        store = open_store(msgspec.structs.replace(settings, fetch_timeout=0.3)).store
        found = await store.wait("https://127.63.7.9:8443/a.pem", 5.0)
    assert found == Failure(Reason.NO_CERTIFICATE, "took longer than 0.3 s")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (OK + b"Content-Length: 99999999\r\n\r\n", "more than 65536 bytes"),
        (OK + b"Content-Length: -1\r\n\r\n", "a broken content-length"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "content-length twice"),
        (OK + b"Content-Length: 100\r\n\r\nx", "ended in the middle"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "not chunked"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "a broken chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz", "a broken chunk"),
        (OK + b"no header\r\n\r\n", "a broken header"),
        (b"ICY 200 OK\r\n\r\n", "no HTTP/1.1"),
        (b"HTTP/1.1 500 Oh\r\n\r\n", "status 500"),
        (b"HTTP/1.1 204 No\r\n\r\n", "status 204"),
        (b"", "ended in the middle"),
    ],
)
async def test_a_broken_answer_is_refused_in_a_few_words(
    web: Web, open_store: Open, answer: bytes, said: str
) -> None:
    assert said in await detail_of(open_store, web.raw("/broken.pem", answer))


async def test_a_gzip_bomb_is_not_unpacked(web: Web, open_store: Open) -> None:
    x5u = web.put("/bomb.pem", gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip")
    assert "compressed" in await detail_of(open_store, x5u)


@pytest.mark.parametrize("body", [b"<html></html>", b"", b"\0" * 60_000, b"-----BEGIN " * 5_000])
async def test_what_is_no_certificate_is_refused_by_its_content(
    web: Web, open_store: Open, body: bytes
) -> None:
    found = await open_store().store.wait(web.put("/a.pem", body), 5.0)
    assert isinstance(found, Failure)
    assert found.reason is Reason.BAD_CERTIFICATE


async def test_a_certificate_counts_whatever_its_content_type_says(
    web: Web, open_store: Open, authority: Authority
) -> None:
    x5u = web.put("/a.pem", authority.signer("818H").pem, "Content-Type: text/html")
    assert isinstance(await open_store().store.wait(x5u, 5.0), Signer)


async def test_chunks_and_an_answer_that_ends_with_the_connection_are_fine(
    web: Web, open_store: Open, authority: Authority
) -> None:
    pem = authority.signer("818H").pem
    parts = b"".join(b"%x;a=b\r\n%s\r\n" % (len(p), p) for p in (pem[:700], pem[700:]))
    chunked = OK + b"Transfer-Encoding: Chunked\r\n\r\n" + parts + b"0\r\nTrailer: x\r\n\r\n"
    hinted = (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 200 OK\r\nServer: y\r\n\r\n" + pem
    )
    for answer in (chunked, hinted):
        assert isinstance(await open_store().store.wait(web.raw("/a.pem", answer), 5.0), Signer)


# -- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]"]
)
async def test_an_inner_address_is_not_connected_to(
    open_store: Open, settings: AttestationSection, host: str
) -> None:
    store = open_store(msgspec.structs.replace(settings, allow_addresses="")).store
    found = await store.wait(f"https://{host}:8443/a.pem", 5.0)
    assert isinstance(found, Failure)
    assert "is an inner address" in found.detail


async def test_nothing_reaches_an_inner_server_by_default(
    web: Web, open_store: Open, settings: AttestationSection
) -> None:
    store = open_store(msgspec.structs.replace(settings, allow_addresses="10.0.0.0/8")).store
    await store.wait(web.put("/a.pem", b""), 5.0)
    assert web.connections == 0


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
async def test_a_name_for_an_inner_address_is_not_connected_to(
    open_store: Open, settings: AttestationSection, host: str
) -> None:
    store = open_store(msgspec.structs.replace(settings, allow_addresses="")).store
    found = await store.wait(f"https://{host}:8443/a.pem", 5.0)
    assert isinstance(found, Failure)
    assert "is an inner address" in found.detail


async def test_a_name_with_a_public_and_an_inner_address_is_refused(
    web: Web, open_store: Open
) -> None:
    store = open_store(lookup=lambda host, port: [web.address, "10.0.0.1"]).store
    found = await store.wait(web.url("/a.pem", "rebound.example"), 5.0)
    assert isinstance(found, Failure)
    assert found.detail == "10.0.0.1 is an inner address"
    assert web.connections == 0


async def test_a_name_is_looked_up_once_and_that_address_is_the_one_connected_to(
    web: Web, open_store: Open, authority: Authority
) -> None:
    web.put("/a.pem", authority.signer("818H").pem)
    answers = [[web.address], ["10.0.0.1"]]

    def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    store = open_store(lookup=rebinding).store
    assert isinstance(await store.wait(web.url("/a.pem", "rebound.example"), 5.0), Signer)
    assert len(answers) == 1


async def test_a_dead_address_leaves_time_for_the_next(
    web: Web, open_store: Open, authority: Authority
) -> None:
    web.put("/a.pem", authority.signer("818H").pem)
    store = open_store(lookup=lambda host, port: ["127.63.7.10", web.address]).store
    assert isinstance(await store.wait(web.url("/a.pem", "certificates.example"), 5.0), Signer)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("https://10.0.0.1/a.pem", "10.0.0.1 is an inner address"),
        ("https://rebound.example/a.pem", "10.0.0.2 is an inner address"),
        ("http://certificates.example/a.pem", "redirected to a place not https"),
        ("https://certificates.example:22/a.pem", "redirected to a place port 22"),
        ("//10.0.0.1/a.pem", "redirected to a place not https"),
        ("", "redirected to a place not https"),
        ("https://certificates.example:8443/a.pem?b", "redirected to a place with a query"),
        ("https://\xff\0/", "redirected to a place no plain https"),
    ],
)
async def test_a_redirect_is_judged_like_the_address_itself(
    web: Web, open_store: Open, to: str, said: str
) -> None:
    where = {"rebound.example": ["10.0.0.2"]}
    x5u = web.raw("/a.pem", b"HTTP/1.1 302 F\r\nLocation: %s\r\n\r\n" % to.encode("latin-1"))
    store = open_store(lookup=lambda host, port: where.get(host, [web.address])).store
    found = await store.wait(x5u, 5.0)
    assert isinstance(found, Failure)
    assert said in found.detail


async def test_a_redirect_to_another_public_place_is_followed_twice_and_no_more(
    web: Web, open_store: Open, authority: Authority
) -> None:
    web.put("/c.pem", authority.signer("818H").pem)
    web.raw("/b.pem", b"HTTP/1.1 307 F\r\nLocation: /c.pem\r\n\r\n")
    elsewhere = web.url("/b.pem", "other.example").encode()
    x5u = web.raw("/a.pem", b"HTTP/1.1 301 F\r\nLocation: %s\r\n\r\n" % elsewhere)
    store = open_store(lookup=lambda host, port: [web.address]).store
    assert isinstance(await store.wait(x5u, 5.0), Signer)
    loop = web.raw("/loop.pem", b"HTTP/1.1 301 F\r\nLocation: /loop.pem\r\n\r\n")
    found = await store.wait(loop, 5.0)
    assert found == Failure(Reason.NO_CERTIFICATE, "redirected again and again")
    assert web.asked["/loop.pem"] == 3


# -- TLS, names, and what strangers could use up -------------------------------------------------


async def test_a_server_that_nobody_vouches_for_is_not_believed(
    web: Web, open_store: Open, settings: AttestationSection
) -> None:
    store = open_store(msgspec.structs.replace(settings, tls_ca="")).store
    found = await store.wait(web.put("/a.pem", b""), 5.0)
    assert isinstance(found, Failure)
    assert found.detail.startswith("TLS: ")
    assert web.asked["/a.pem"] == 0


async def test_on_a_machine_that_knows_no_authorities_no_call_is_held_to_be_forged(
    web: Web, authority: Authority, open_store: Open, settings: AttestationSection,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    with structlog.testing.capture_logs() as logged:
        store = open_store(msgspec.structs.replace(settings, tls_ca="")).store
    assert [each["log_level"] for each in logged if "vouches" in each["event"]] == ["error"]
    found = await store.wait(x5u, 5.0)
    assert isinstance(found, Failure)
    assert found.reason is Reason.CERTIFICATE_PENDING


async def test_a_server_of_another_name_is_not_believed(web: Web, open_store: Open) -> None:
    store = open_store(lookup=lambda host, port: [web.address]).store
    found = await store.wait(web.url("/a.pem", "stranger.example"), 5.0)
    assert isinstance(found, Failure)
    assert found.detail.startswith("TLS: ")


async def test_a_server_that_is_not_there_says_so(open_store: Open) -> None:
    assert await detail_of(open_store, "https://127.63.7.11:8443/a.pem") == "Connection refused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "try again"), Reason.CERTIFICATE_PENDING),
        (OSError(errno.ENETUNREACH, "no way there"), Reason.CERTIFICATE_PENDING),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), Reason.NO_CERTIFICATE),
        (UnicodeError("label too long"), Reason.NO_CERTIFICATE),
    ],
)
async def test_no_call_is_held_to_be_forged_because_our_own_network_is_away(
    open_store: Open, error: Exception, reason: Reason
) -> None:
    def lookup(host: str, port: int) -> Sequence[str]:
        raise error

    found = await open_store(lookup=lookup).store.wait("https://a.example/a.pem", 5.0)
    assert isinstance(found, Failure)
    assert found.reason is reason


async def test_a_name_server_that_hangs_takes_no_more_than_the_time_of_a_fetch(
    web: Web, open_store: Open, settings: AttestationSection, authority: Authority
) -> None:
    free = threading.Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        free.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    section = msgspec.structs.replace(settings, fetch_timeout=0.3)
    store = open_store(section, lookup=hanging).store
    try:
        hung = [f"https://a{n}.slow{n}.example/a.pem" for n in range(40)]
        found = await asyncio.gather(*(store.wait(x5u, 5.0) for x5u in hung))
        late = Failure(Reason.CERTIFICATE_PENDING, "took longer than 0.3 s")
        assert set(found) == {late, PENDING}
        # An address needs no name server, and the turns are free again.
        x5u = web.put("/a.pem", authority.signer("818H").pem)
        assert isinstance(await store.wait(x5u, 5.0), Signer)
    finally:
        free.set()


async def test_one_owner_of_name_servers_that_hang_takes_no_others_look_up(
    web: Web, open_store: Open, settings: AttestationSection, authority: Authority
) -> None:
    """The look-ups outlast their fetches, so that turns alone would not bound them."""
    free = threading.Event()

    def lookup(host: str, port: int) -> Sequence[str]:
        if host.endswith("slow.example"):
            free.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [web.address]

    store = open_store(msgspec.structs.replace(settings, fetch_timeout=0.1), lookup=lookup).store
    try:
        for n in range(60):
            await store.wait(f"https://a{n}.slow.example/a.pem", 5.0)
        x5u = web.put("/a.pem", authority.signer("818H").pem)
        x5u = x5u.replace(web.address, "certificates.example")
        assert isinstance(await store.wait(x5u, 5.0), Signer)
    finally:
        free.set()


async def test_one_slow_site_does_not_hold_up_the_others(
    web: Web, open_store: Open, authority: Authority, clock: Clock
) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    store = open_store(lookup=lambda host, port: [web.address]).store
    for n in range(200):
        web.play(f"/{n}.pem", hang)
        store.get(web.url(f"/{n}.pem", f"n{n}.slow.example"), clock.now)
    x5u = web.put("/a.pem", authority.signer("818H").pem)
    began = time.perf_counter()
    assert isinstance(await store.wait(x5u, 5.0), Signer)
    assert time.perf_counter() - began < 1.0
    assert web.connections <= OF_ONE_SITE + 1


async def test_beyond_so_many_at_once_a_call_does_not_wait_and_nothing_is_held_against_it(
    web: Web, open_store: Open, clock: Clock
) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    store = open_store(lookup=lambda host, port: [web.address]).store
    addresses = [web.url(f"/{n}.pem", f"slow{n}.example") for n in range(2_000)]
    for x5u in addresses:
        assert store.get(x5u, clock.now) is PENDING
    began = time.perf_counter()
    assert await store.wait(addresses[-1], 5.0) is PENDING
    assert time.perf_counter() - began < 1.0
