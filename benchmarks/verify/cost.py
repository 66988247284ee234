"""Owns what one verification costs, its certificate in memory: `verify` alone, no network.

Every kind of header takes its turn in each round, and the bare check of one signature beside them,
so that what drifts meets all of them alike.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benchmarks.children import ChildError, child
from benchmarks.paths import CALLED
from benchmarks.rounds import percentile
from benchmarks.ruleset import passing_callers
from benchmarks.verify.signer import Signer
from lab.shaken import Authority
from ringfence.attestation import PENDING, Failure, Pending, Verification, certificate
from ringfence.attestation.identity import Identity, parse_identity
from ringfence.attestation.passport import Passport
from ringfence.attestation.roots import Roots
from ringfence.attestation.verifier import CallFacts, verify
from ringfence.certificates.memory import Memory

TOKENS = 500
"""Different ones of each kind: nothing may be remembered of the one before."""
ROUNDS = 5
DIVERTED = "12025550177"
PATIENCE = 120.0

Rounds = Sequence[Sequence[float]]


class Verified(msgspec.Struct):
    """One kind of header; times in microseconds. `per_second` and `cpu_p99` are by the thread's own
    clock, which stands still while others have the processor. `ratio` is p50 by that of the bare
    check."""

    name: str
    title: str
    signatures: int
    per_second: float
    p50: float
    p99: float
    cpu_p99: float
    ratio: float = 0.0
    ratio_rounds: list[float] = []
    bar: float = 0.0


class Kind(NamedTuple):
    """One call each; `bar` is how many of them a second are asked for."""

    name: str
    title: str
    signatures: int
    calls: Sequence[Callable[[], object]]
    bar: float = 0.0


def kinds(tokens: int = TOKENS) -> Sequence[Kind]:
    """The bare check first. Raises where a header is not found to be what it was made to be."""
    now = float(int(time.time()))
    authority = Authority("Bench")
    signer, diverter = Signer(authority), Signer(authority, "709J", "https://d.example.org/d.pem")
    memory = Memory()
    roots = Roots([authority.root])
    for each in (signer, diverter):
        found = certificate.validate(each.credential.pem, roots, now)
        assert isinstance(found, certificate.Signer), found
        memory.hold(each.x5u, found, now, now)

    def certificate_of(x5u: str) -> certificate.Signer | Failure | Pending:
        held = memory.held(x5u, now)
        return held.signer if held else PENDING

    iat = int(now)
    callers = passing_callers()[:tokens]
    plain = [[signer.shaken(caller, CALLED, iat)] for caller in callers]
    diverted = [
        [signer.shaken(caller, DIVERTED, iat), diverter.div(caller, DIVERTED, CALLED, iat)]
        for caller in callers
    ]
    short = [[signer.compact(caller, CALLED, iat)] for caller in callers]
    stale = [[signer.shaken(caller, CALLED, iat - 3_600)] for caller in callers]

    def each_of(
        headers: Sequence[list[str]], expected: Verification
    ) -> Sequence[Callable[[], object]]:
        facts = [CallFacts(caller, CALLED, now) for caller in callers]
        for header, fact in zip(headers, facts, strict=True):
            said = verify(header, fact, certificate_of, now)
            assert said.verification is expected, said
        return [
            partial(verify, header, fact, certificate_of, now)
            for header, fact in zip(headers, facts, strict=True)
        ]

    return (
        Kind("bare", "the bare ES256 check of `cryptography`", 1, _bare(plain, signer)),
        Kind("plain", "one SHAKEN token", 1, each_of(plain, Verification.PASSED), 3_000.0),
        Kind("diverted", "a diverted call: a div token beside it", 2,
             each_of(diverted, Verification.PASSED)),
        Kind("compact", "a compact token", 1, each_of(short, Verification.PASSED)),
        Kind("stale", "a stale token: refused before its signature", 0,
             each_of(stale, Verification.FAILED)),
    )  # fmt: skip


def _bare(headers: Sequence[list[str]], signer: Signer) -> Sequence[Callable[[], object]]:
    key = signer.credential.key.public_key()
    algorithm = ECDSA(hashes.SHA256())
    checks = []
    for (header,) in headers:
        identity = parse_identity(header)
        assert isinstance(identity, Identity)
        assert isinstance(identity.token, Passport)
        raw = identity.token.signature
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        checks.append(partial(key.verify, der, identity.token.signed, algorithm))
    return checks


def measure(rounds: int) -> list[Verified]:
    """All kinds, so many rounds."""
    measured = kinds()
    took: dict[str, list[list[float]]] = {kind.name: [] for kind in measured}
    cpu: dict[str, list[list[float]]] = {kind.name: [] for kind in measured}
    # as the service has it: what was loaded is out of the collector's sight
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for kind in measured:
            took[kind.name].append(_times(kind.calls, time.perf_counter_ns))
            cpu[kind.name].append(_times(kind.calls, time.thread_time_ns))
    floor = [percentile(each, 0.5) for each in took[measured[0].name]]
    return [_verified(kind, took[kind.name], cpu[kind.name], floor) for kind in measured]


def _times(calls: Sequence[Callable[[], object]], clock: Callable[[], int]) -> list[float]:
    took = []
    for call in calls:
        began = clock()
        call()
        took.append((clock() - began) / 1000)
    return took


def _verified(kind: Kind, rounds: Rounds, cpu: Rounds, floor: Sequence[float]) -> Verified:
    p50s, p99s = ([percentile(each, share) for each in rounds] for share in (0.5, 0.99))
    cpu_p99 = median(percentile(each, 0.99) for each in cpu)
    ratios = [round(mine / bare, 3) for mine, bare in zip(p50s, floor, strict=True)]
    return Verified(
        kind.name, kind.title, kind.signatures,
        round(median(1e6 * len(each) / sum(each) for each in cpu), 1),
        median(p50s), median(p99s), cpu_p99, median(ratios), ratios, kind.bar,
    )  # fmt: skip


async def measure_apart(rounds: int) -> list[Verified]:
    """The same in a process of its own."""
    words = ("-m", "benchmarks.verify", "--json", str(rounds))
    async with child(*words, ready="") as process:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    if not line:
        raise ChildError("the verification benchmark ended early")
    return msgspec.json.decode(line, type=list[Verified])
