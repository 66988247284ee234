"""`ringfence identity verify` and `ringfence check --identity`, by a real certificate server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab.shaken import (
    Authority,
    Credential,
    compact,
    div_passport,
    identity_header,
    shaken_passport,
    sign,
)
from ringfence.settings import AttestationSection
from tests.certificates.conftest import Web

CALLER, CALLED, ORIGID = "12155551212", "12155551213", "123e4567-e89b-12d3-a456-426655440000"


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def steps(self) -> list[str]:
        """The checks in their order; of one that failed its reason and code as well."""
        steps = (self.json.get("identity") or self.json)["steps"]
        return [
            s["check"] if s["ok"] else f"{s['check']}: {s['reason']} {s['code']}" for s in steps
        ]


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
def state() -> Iterator[Path]:
    """A short path: a unix socket's is limited to 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="rf-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def ringfence(settings: AttestationSection, state: Path, tmp_path: Path) -> Run:
    """One command, in a process of its own: the server's loop is this one's."""
    (tmp_path / "none.toml").touch()
    environ = {
        "PATH": os.environ["PATH"],
        "RINGFENCE_CONFIG": str(tmp_path / "none.toml"),
        "RINGFENCE_STATE_DIR": str(state),
        "RINGFENCE_ATTESTATION_ROOTS": settings.roots,
        "RINGFENCE_ATTESTATION_TLS_CA": settings.tls_ca,
        "RINGFENCE_ATTESTATION_ALLOW_ADDRESSES": settings.allow_addresses,
        "RINGFENCE_ATTESTATION_FETCH_TIMEOUT": "1",
    }

    async def run(*arguments: str, text: str, code: int = 0, **more: str) -> Done:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ringfence.cli", *arguments), env={**environ, **more},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(text.encode()), 60)
        done = Done(process.returncode or 0, out.decode(), err.decode())
        assert done.code == code, done.err
        assert "Traceback" not in done.err
        return done

    return run


class Signers:
    """Tokens by signers whose certificates the server has."""

    def __init__(self, authority: Authority, web: Web) -> None:
        self._authority = authority
        self._web = web
        self._credentials: dict[str, Credential] = {}

    def publish(self, spc: str) -> tuple[Credential, str]:
        if spc not in self._credentials:
            self._credentials[spc] = self._authority.signer(spc)
        credential = self._credentials[spc]
        return credential, self._web.put(f"/{spc}.pem", credential.pem)

    def renew(self, spc: str) -> None:
        """From now on that signer has another key."""
        del self._credentials[spc]

    def shaken(self, spc: str = "818H", **particular: Any) -> str:
        credential, x5u = self.publish(spc)
        facts: dict[str, Any] = {"orig": CALLER, "dest": [CALLED], "attest": "A", "x5u": x5u}
        facts |= {"iat": int(time.time()), "origid": ORIGID} | particular
        return identity_header(sign(*shaken_passport(**facts), credential.key), x5u)

    def diverted(self, div: str, to: str) -> str:
        credential, x5u = self.publish("709J")
        token = div_passport(orig=CALLER, dest=[to], div=div, iat=int(time.time()), x5u=x5u)
        return identity_header(sign(*token, credential.key), x5u, ppt="div")


@pytest.fixture
def signers(authority: Authority, web: Web) -> Signers:
    return Signers(authority, web)


NUMBERS = ("--caller", f"+{CALLER}", "--called", f"+{CALLED}")
ALL = ["header", "address", "freshness", "certificate", "signature", "claims", "attest", "caller",
       "called"]  # fmt: skip


async def test_a_good_token_passes_every_check_and_its_certificate_is_kept_as_serve_does(
    ringfence: Run, signers: Signers, web: Web
) -> None:
    header = signers.shaken()
    done = await ringfence("identity", "verify", "-", *NUMBERS, "--json", text=header)
    assert done.steps == ALL
    said = done.json["attestation"]
    assert (said["level"], said["verification"], said["signer"]) == ("A", "passed", "818H")
    assert (said["origid"], done.json["passed"]) == (ORIGID, True)
    (fetched,) = done.json["certificates"]
    assert (fetched["source"], fetched["signer"]) == ("fetched", "818H")
    again = await ringfence("identity", "verify", "-", *NUMBERS, text=header)
    assert "SPC 818H" in again.out
    assert "from the cache" in again.out
    assert web.asked["/818H.pem"] == 1
    signers.renew("818H")
    done = await ringfence("identity", "verify", "-", *NUMBERS, text=signers.shaken(), code=1)
    assert "bad-signature" in done.out
    assert "from the cache: if its signer has a new one there" in done.err


async def test_an_old_capture_is_stale_and_says_how_to_look_at_the_rest(
    ringfence: Run, signers: Signers, web: Web, state: Path
) -> None:
    then = int(time.time()) - 86_400
    header = signers.shaken(iat=then)
    done = await ringfence("identity", "verify", "-", *NUMBERS, text=header, code=1)
    at = f"{datetime.fromtimestamp(then, UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert f"(--at {at})" in done.out
    assert not web.asked, "nothing is fetched for a stale token"
    # by then the lab's certificate had not begun, and nothing of it goes into the cache
    done = await ringfence("identity", "verify", "-", *NUMBERS, "--at", at, "--json", text=header,
                           code=1)  # fmt: skip
    assert done.steps[:4] == ["header", "address", "freshness", "certificate: not-yet-valid 437"]
    assert not (state / "certificates").exists()


async def test_a_capture_of_a_while_ago_passes_at_its_time(
    ringfence: Run, signers: Signers
) -> None:
    header = signers.shaken(iat=int(time.time()) - 600)
    done = await ringfence(
        "identity", "verify", "-", *NUMBERS, "--at", "10m", "--json", text=header
    )
    assert done.json["passed"]


@pytest.mark.parametrize(
    ("particular", "numbers", "last"),
    [
        ({"attest": "D"}, NUMBERS, "attest: bad-attest 438"),
        ({"orig": "12155550000"}, NUMBERS, "caller: orig-mismatch 438"),
        ({"dest": ["12155550000"]}, NUMBERS, "called: dest-mismatch 438"),
        ({"x5u": "https://192.0.2.1:444/a"}, NUMBERS, "address: bad-x5u 436"),
    ],
)
async def test_the_check_that_fails_is_named_with_its_code(
    ringfence: Run,
    signers: Signers,
    particular: dict[str, Any],
    numbers: tuple[str, ...],
    last: str,
) -> None:
    header = signers.shaken(**particular)
    done = await ringfence("identity", "verify", "-", *numbers, "--json", text=header, code=1)
    assert done.steps[-1] == last


async def test_a_certificate_that_is_nowhere_is_told_with_the_time_that_it_took(
    ringfence: Run, signers: Signers, web: Web
) -> None:
    header = signers.shaken()
    web.remove("/818H.pem")
    done = await ringfence("identity", "verify", "-", *NUMBERS, text=header, code=1)
    assert "certificate\tno-certificate\t436\tstatus 404; after 0." in done.out


async def test_a_server_that_says_nothing_costs_the_settings_time_and_no_more(
    ringfence: Run, signers: Signers, web: Web
) -> None:
    header = signers.shaken()

    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    web.play("/818H.pem", silent)
    done = await ringfence("identity", "verify", "-", *NUMBERS, "--json", text=header, code=1)
    (got,) = done.json["certificates"]
    assert got["reason"] == "no-certificate"
    assert 0.9 < got["seconds"] < 5
    assert any("a call waits 0.1 s" in note for note in done.json["notes"])


async def test_given_certificates_are_taken_and_nothing_is_fetched(
    ringfence: Run, authority: Authority, web: Web, tmp_path: Path
) -> None:
    chosen, other = authority.signer("818H"), authority.signer("709J")
    x5u = "https://certificates.example.org/818H.pem"
    facts: dict[str, Any] = {"orig": CALLER, "dest": [CALLED], "attest": "B", "x5u": x5u}
    token = shaken_passport(**facts, iat=int(time.time()), origid=ORIGID)
    header = identity_header(sign(*token, chosen.key), x5u)
    files = []
    for each in (other, chosen):
        files.append(tmp_path / f"{len(files)}.pem")
        files[-1].write_bytes(each.pem)
    given = [word for file in files for word in ("--certificate", str(file))]
    done = await ringfence("identity", "verify", "-", *NUMBERS, *given, "--json", text=header)
    assert done.json["attestation"]["signer"] == "818H"
    assert done.json["certificates"][0]["source"] == "file"
    done = await ringfence("identity", "verify", "-", *NUMBERS, *given[:2], "--json", text=header,
                           code=1)  # fmt: skip
    assert done.steps[-1] == "signature: bad-signature 438"
    assert not web.connections


async def test_without_roots_nothing_is_fetched_and_it_says_what_to_set(
    ringfence: Run, signers: Signers, web: Web, settings: AttestationSection
) -> None:
    header, none = signers.shaken(), {"RINGFENCE_ATTESTATION_ROOTS": ""}
    done = await ringfence("identity", "verify", "-", *NUMBERS, text=header, code=1, **none)
    assert "no-trust-roots" in done.out
    assert "attestation.roots" in done.err
    assert not web.connections
    given = ("--roots", settings.roots)
    await ringfence("identity", "verify", "-", *NUMBERS, *given, text=header, **none)


async def test_roots_that_cannot_be_read_are_one_line(
    ringfence: Run, signers: Signers, tmp_path: Path
) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    for name, said in (("bad.pem", "neither a PEM file nor a JWT"), ("none", "No such file")):
        roots = ("--roots", str(tmp_path / name))
        done = await ringfence(
            "identity", "verify", "-", *NUMBERS, *roots, text=signers.shaken(), code=1
        )
        assert done.err.startswith("ringfence: trust roots: ")
        assert (done.err.count("\n"), said in done.err, done.out) == (1, True, ""), done.err


async def test_a_diverted_call_is_followed_back_by_both_signers(
    ringfence: Run, signers: Signers, web: Web
) -> None:
    text = f"{signers.shaken()}\n{signers.diverted(CALLED, '12155551299')}\n"
    called = ("--caller", CALLER, "--called", "12155551299")
    done = await ringfence("identity", "verify", "-", *called, "--json", text=text)
    assert done.json["attestation"]["detail"] == f"diverted by 709J from {CALLED}"
    assert web.asked == {"/818H.pem": 1, "/709J.pem": 1}


async def test_a_compact_token_is_verified_with_the_date_of_its_invite(
    ringfence: Run, authority: Authority, web: Web
) -> None:
    credential = authority.signer("818H")
    x5u = web.put("/818H.pem", credential.pem)
    iat = int(time.time())
    claims = {"dest": {"tn": [CALLED]}, "iat": iat, "orig": {"tn": CALLER}}
    token = sign({"alg": "ES256", "typ": "passport", "x5u": x5u}, claims, credential.key)
    header = f"{compact(token)};info=<{x5u}>;alg=ES256"
    date = f"{datetime.fromtimestamp(iat, UTC):%a, %d %b %Y %H:%M:%S} GMT"
    invite = (
        f"INVITE sip:+{CALLED}@192.0.2.1 SIP/2.0\r\nFrom: <sip:2155551212@192.0.2.7>;tag=1\r\n"
        f"Date: {date}\r\nIdentity: {header}\r\n\r\n"
    )
    done = await ringfence("identity", "verify", "-", "--json", text=invite)
    assert (done.json["caller"], done.json["called"]) == (f"+{CALLER}", f"+{CALLED}")
    assert done.json["passed"]
    await ringfence("identity", "verify", "-", *NUMBERS, "--date", date, text=header)
    done = await ringfence("identity", "verify", "-", *NUMBERS, text=header, code=1)
    assert "no Date header" in done.out


async def test_wrong_use_is_one_line(ringfence: Run, signers: Signers) -> None:
    for more, said in (
        ((), "no caller number: give --caller"),
        (("--caller", CALLER), "no called number: give --called"),
        ((*NUMBERS, "--date", "soon"), "--date 'soon': write"),
        ((*NUMBERS, "--at", "soon"), "write 7d"),
    ):
        done = await ringfence("identity", "verify", "-", *more, text=signers.shaken(), code=2)
        assert (done.err.count("\n"), said in done.err) == (1, True), done.err
    done = await ringfence("identity", "show", "-", text="", code=1)
    assert "no Identity header" in done.err


async def test_check_holds_a_signed_call_against_the_rules_and_explains_its_signature(
    ringfence: Run, signers: Signers
) -> None:
    good = signers.shaken()
    await ringfence("rule", "add", "bad-signer", "--signer", "666X", "--action", "block", text="")
    await ringfence("rule", "add", "forged", "--verification", "failed", "--action", "block",
                    "--basis", "identity", text="")  # fmt: skip
    check = ("check", "--identity", "-", *NUMBERS)
    done = await ringfence(*check, "--json", text=good)
    assert (done.json["verdict"]["action"], done.steps) == ("allow", ALL)
    done = await ringfence(*check, text=signers.shaken("666X"))
    assert "verdict\tblock" in done.out
    assert "because\tsigner 666X" in done.out
    assert "1\tsignature\tok" in done.out
    forged = signers.shaken(dest=["12155550000"])
    done = await ringfence(*check, "--json", text=forged)
    verdict = done.json["verdict"]
    assert (verdict["rule"], verdict["sip"]) == ("forged", 438)
    assert done.steps[-1] == "called: dest-mismatch 438"
    stale = signers.shaken(iat=int(time.time()) - 600)
    done = await ringfence(*check, "--json", text=stale)
    assert done.json["verdict"]["sip"] == 403
    done = await ringfence("check", *NUMBERS, "--signer", "666X", "--json", text="")
    assert done.json["verdict"]["rule"] == "bad-signer"
    done = await ringfence("check", *NUMBERS, "--reason", "untrusted", "--json", text="")
    assert (done.json["verdict"]["sip"], done.json["identity"]) == (437, None)


async def test_check_takes_the_numbers_of_an_invite_and_leaves_alone_what_a_trunk_is_not_asked(
    ringfence: Run, signers: Signers, web: Web
) -> None:
    invite = (
        f"INVITE sip:+{CALLED}@192.0.2.1 SIP/2.0\r\n"
        f'From: "Alice" <sip:+{CALLER}@192.0.2.7>;tag=1\r\nIdentity: {signers.shaken()}\r\n\r\n'
    )
    await ringfence("trunk", "set", "t", "--attestation", "asterisk", "--strip", "77", text="")
    done = await ringfence("check", "--identity", "-", "--trunk", "t", "--json", text=invite)
    call = done.json["call"]
    assert (call["caller"], call["called"]) == (f"+{CALLER}", f"+{CALLED}")
    assert call["caller_name"] == "Alice"
    assert done.json["identity"] is None
    assert "do not name ringfence" in call["attestation"]["detail"]
    assert not web.connections
    prefixed = ("--called", f"77{CALLED}")
    await ringfence("identity", "verify", "-", "--trunk", "t", *prefixed, text=invite)
    done = await ringfence("identity", "verify", "-", "--trunk", "u", text=invite)
    assert "trunk u has no settings" in done.err


async def test_the_doctor_looks_at_roots_and_at_who_waits_for_them(ringfence: Run) -> None:
    await ringfence("rule", "add", "r", "--signer", "666X", "--action", "block", text="")
    # no Asterisk and no door are here: they fail
    done = await ringfence("doctor", "--json", text="", code=1)
    said = [f["what"] for f in done.json["findings"] if f["part"] == "attestation"]
    assert said[0].startswith("1 trust root, the first expires on ")
    done = await ringfence("doctor", "--json", text="", code=1, RINGFENCE_ATTESTATION_ROOTS="")
    said = [f["what"] for f in done.json["findings"] if f["part"] == "attestation"]
    assert "rule r asks for the signer, which" in said[1]


async def test_check_says_what_cannot_be_said_beside_headers(ringfence: Run) -> None:
    for more, said in (
        (("--identity", "-", "--signer", "818H"), "leave out --signer"),
        (("--identity", "-", "--reason", "stale"), "leave out --reason"),
        (("--certificate", "x", "--caller", CALLER), "goes with --identity"),
        (("--reason", "stale", "--signer", "818H"), "has no signer: leave out --signer 818H"),
    ):
        done = await ringfence("check", *more, text="", code=2)
        assert (done.err.count("\n"), said in done.err) == (1, True), done.err
