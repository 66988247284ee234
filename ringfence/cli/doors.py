"""Makes the doors that the settings ask for: the one place that knows `agi` and `ari_app`."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from agi import AgiServer
from ringfence.challenge import Remember
from ringfence.config import Address, AriSection, Settings, SettingsRefused
from ringfence.screening import Screener
from ringfence.service import Door, MakeDoors, Record, StartFailed


class AgiDoor:
    """The FastAGI door as a service runs it."""

    def __init__(
        self, screener: Screener, record: Record, remember: Remember, at: Address, *, shared: bool
    ) -> None:
        self._at = at
        self._server = AgiServer(
            screener, record, remember=remember, host=at.host, port=at.port, reuse_port=shared
        )

    def __str__(self) -> str:
        return f"agi://{self._at._replace(port=self._server.port)}/screen"

    async def open(self) -> None:
        """Listen."""
        try:
            await self._server.start()
        except OSError as error:
            raise StartFailed(why_not_listening(self._at, error)) from None

    async def drain(self, deadline: float) -> None:
        """Let the calls inside end."""
        await self._server.drain(deadline)


def why_not_listening(at: Address, error: OSError) -> str:
    """One line that names the port and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {at.port} on {at.host} is in use: stop what listens there, or set agi.bind"
    return f"cannot listen on {at}: {error.strerror or error}; set agi.bind"


def doors_for(settings: Settings, worker: int) -> MakeDoors:
    """The function that makes this worker's doors; worker 0 is the only one."""

    def make(screener: Screener, record: Record, remember: Remember) -> Sequence[Door]:
        doors: list[Door] = []
        if at := settings.agi_bind:
            doors.append(AgiDoor(screener, record, remember, at, shared=worker > 0))
        if settings.ari.url:
            doors.append(AriDoor(screener, record, remember, settings.ari, worker))
        return doors

    return make


class AriDoor:
    """The ARI door as a service runs it."""

    def __init__(
        self,
        screener: Screener,
        record: Record,
        remember: Remember,
        settings: AriSection,
        worker: int,
    ) -> None:
        # imported where it is wanted: a FastAGI-only start need not wait for aiohttp
        import ari_app

        try:
            told = ari_app.AriSettings(
                url=settings.url,
                username=settings.username,
                password=settings.password,
                app=settings.app,
                worker=max(worker, 1),
                shared=worker > 0,
                rest=settings.rest,
                deadline=settings.deadline,
            )
        except ValueError as error:
            raise SettingsRefused(str(error)) from None
        self._name = told.app_name
        self._door = ari_app.AriDoor(screener, record, told, remember=remember)

    def __str__(self) -> str:
        return f"ari:{self._name}"

    async def open(self) -> None:
        """Begin to connect; an Asterisk that is not there yet is waited for."""
        await self._door.start()

    async def drain(self, deadline: float) -> None:
        """Let the calls inside end."""
        await self._door.drain(deadline)
