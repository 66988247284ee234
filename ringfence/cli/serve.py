"""`ringfence serve`: the process that screens calls, or the parent of several that do."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable

import click

from ringfence.cli.doors import doors_for, why_not_listening
from ringfence.cli.invocation import Command, Invocation
from ringfence.cli.refusals import Refused
from ringfence.config import Address
from ringfence.logs import set_up_logs
from ringfence.service import Service, StartFailed
from ringfence.supervisor import Supervisor, end_with_parent


@click.command("serve", cls=Command, with_json=False)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that share the calls.",
)
@click.option("--worker", type=(int, int), hidden=True)
@click.option("--beside", type=int, hidden=True)
@click.pass_obj
def command(
    invocation: Invocation, workers: int, worker: tuple[int, int] | None, beside: int | None
) -> int:
    """Screen calls: run the doors that are configured until SIGTERM or Ctrl-C.

    Without settings: FastAGI on 127.0.0.1:4573, and an embedded Valkey under the state directory.

    \b
    Example:
      RINGFENCE_AGI_BIND=127.0.0.1:4573 ringfence serve --workers 2
    """
    settings = invocation.settings
    try:
        if beside:
            end_with_parent(beside)
            set_up_logs(settings.log)
            return _run_beside(invocation)
        if worker:
            number, parent = worker
            end_with_parent(parent)
            set_up_logs(settings.log, worker=number)
            return _run_service(invocation, number)
        set_up_logs(settings.log)
        if settings.calllog.archive:
            # refused here, in one line, and not again and again by the process beside
            from ringfence.archive import archive_of

            archive_of(settings)
        if workers == 1:
            return _run_service(invocation, 0)
        return _run_supervisor(invocation, workers)
    except StartFailed as error:
        raise Refused(str(error)) from None


def _run_service(invocation: Invocation, worker: int) -> int:
    settings = invocation.settings
    # once for all workers: the supervisor starts the first one again when it ends
    beside = [*_again(invocation, "serve"), "--beside", str(os.getpid())] if worker <= 1 else []

    async def serve() -> None:
        # built inside the loop, as clients and events belong to one
        doors = doors_for(settings, worker)
        await Service(settings, doors, worker=worker, beside=beside).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve())
    return 0


def _run_beside(invocation: Invocation) -> int:
    # what workers need not load
    from ringfence.beside import run_beside

    def refresh(feed: str) -> list[str]:
        line = _again(invocation, "feed", "refresh", "--json")
        return [*line, "--as", "ringfence", "--parent", str(os.getpid()), "--", feed]

    with asyncio.Runner() as runner:
        runner.run(run_beside(invocation.settings, refresh, sys.stdout.fileno()))
    return 0


def _run_supervisor(invocation: Invocation, workers: int) -> int:
    settings = invocation.settings
    if at := settings.agi_bind:
        _must_be_free(at)

    def command_of(worker: int) -> list[str]:
        return [*_again(invocation, "serve"), "--worker", str(worker), str(os.getpid())]

    async def supervise() -> int:
        return await Supervisor(settings, workers, command_of).run()

    with asyncio.Runner() as runner:
        return runner.run(supervise())


def _again(invocation: Invocation, *words: str) -> list[str]:
    """The command line of another process with the same settings."""
    line = [sys.executable, "-m", "ringfence.cli", *words]
    return [*line, "--config", str(invocation.config)] if invocation.config else line


def _must_be_free(at: Address) -> None:
    # Workers share the port (SO_REUSEPORT), and would share it with a second Ringfence unnoticed.
    try:
        family, kind, _, _, address = socket.getaddrinfo(*at, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartFailed(why_not_listening(at, error)) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
