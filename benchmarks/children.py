"""Owns the benchmark's child processes: start, readiness, stop; not what they do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.load import Leg, Plan

_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_START_SECONDS = 30.0
_LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of one line of results: tens of thousands of figures."""


class ChildError(RuntimeError):
    """A child ended or did not get ready; in one line why."""


@asynccontextmanager
async def child(
    *arguments: str, environment: Mapping[str, str] | None = None, ready: str = "ready",
    patience: float = _START_SECONDS, log: Path | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:  # fmt: skip
    """A Python process of ours: `python <arguments>`, up once it prints a line with `ready`.

    With `ready` empty it is up at once. Its errors go to `log`, else to ours.
    """
    name = " ".join(arguments[:2])
    sink = log.open("ab") if log else None
    process = await asyncio.create_subprocess_exec(
        *_DIES_WITH_US, sys.executable, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=sink,
        env={**os.environ, **(environment or {})}, limit=_LINE_LIMIT, start_new_session=True,
    )  # fmt: skip
    if sink:
        sink.close()
    try:
        if ready:
            await asyncio.wait_for(_until(process, ready, name), patience)
        yield process
    except TimeoutError:
        raise ChildError(f"{name} did not get ready within {patience:.0f} s") from None
    finally:
        await _stop(process)


async def _until(process: asyncio.subprocess.Process, ready: str, name: str) -> None:
    assert process.stdout
    while line := await process.stdout.readline():
        if ready in line.decode(errors="replace"):
            return
    raise ChildError(f"{name} ended before it was ready")


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            continue


class LoadGenerator:
    """The load generator's process, asked for one plan at a time."""

    def __init__(self) -> None:
        self._running = child("-m", "benchmarks.load", ready="")
        self._decoder = msgspec.json.Decoder(list[Leg])

    async def __aenter__(self) -> Self:
        self._process = await self._running.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._running.__aexit__(kind, error, trace)

    @property
    def pid(self) -> int:
        """The process that places the calls."""
        return self._process.pid

    async def run(self, plan: Plan) -> Sequence[Leg]:
        """What came of the plan's calls, one leg per target."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(msgspec.json.encode(plan) + b"\n")
        await self._process.stdin.drain()
        patience = plan.seconds + plan.timeout + 20.0
        line = await asyncio.wait_for(self._process.stdout.readline(), patience)
        if not line:
            raise ChildError("the load generator ended in the middle of a round")
        return self._decoder.decode(line)
