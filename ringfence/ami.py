"""Asterisk's manager interface: owns panoramisk and adds what it lacks; asks, and acts on nothing.

Added: a time-out on every action, a ping watchdog (panoramisk does not notice that its own pings
go unanswered), an end to its endless attempts to log in with a wrong password, Latin-1, as it loses
a UTF-8 character that two segments share, and a bound on what is no message for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import structlog
from panoramisk import Manager
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 1.0
ACTION_SECONDS = 2.0
PING_SECONDS = 10.0
MOST_UNREAD = 1_000_000
"""Characters without the end of a message: whoever sends that is no Asterisk."""
_NEVER = 2**31
_SUCCESS = ("Success", "Goodbye", "Follows")


class AmiFailed(RuntimeError):  # noqa: N818 - what happened, in the past
    """Asterisk's manager interface is away or refuses; one line says why and what to do."""


Answer = dict[str, Any]
"""One message, by lower-case header; a header that comes several times has a list."""


class _Everything:
    """What panoramisk may forget when the connection drops: all; whoever asked has gone on."""

    def __contains__(self, name: object) -> bool:
        return True


class _Protocol(AMIProtocol):  # type: ignore[misc]
    """panoramisk's, except that it does not gather for ever."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.queue and len(self.queue[-1]) > MOST_UNREAD:
            self.transport.abort()


class _Manager(Manager):  # type: ignore[misc]
    """panoramisk's, except that it can be told to stop connecting, and that one function takes all
    events: panoramisk tries a pattern on each."""

    ended = False
    taker: Callable[[Message], None] | None = None

    def dispatch(self, event: Message) -> None:
        if self.taker is not None:
            self.taker(event)

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        return None if self.ended else super().connect(*args, **kwargs)


class _Action(Action):  # type: ignore[misc]
    """An action that is answered by one message."""

    def add_message(self, message: Any) -> bool:
        """Called by panoramisk with each message that answers; True ends it."""
        self.responses.append(message)
        if not self._is_complete(message):
            return False
        if not self.future.done():
            self.future.set_result(None)
        return True

    def _is_complete(self, message: Any) -> bool:
        return True


class _Listing(_Action):
    """An action that is answered by a list of events: panoramisk waits for ever for the end of one
    that was refused, and takes the beginning of one for all of it."""

    def _is_complete(self, message: Any) -> bool:
        refused = self.responses[0].response not in _SUCCESS
        return refused or str(message.event).endswith("Complete")


class Ami:
    """One logged-in connection, made anew when it drops: `async with Ami(…) as ami:`."""

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        password: str,
        *,
        timeout: float = ACTION_SECONDS,
        ping_every: float = PING_SECONDS,
    ) -> None:
        self._address = f"{host}:{port}"
        self._host, self._port = host, port
        self._login = {"username": username, "secret": password}
        self._timeout = timeout
        self._ping_every = ping_every
        self._manager: _Manager | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"Ami({self._address!r})"

    async def __aenter__(self) -> Self:
        # panoramisk tries for ever and says nothing of why: the first attempt is ours
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            raise AmiFailed(
                f"AMI at {self._address} does not answer: see ami.host and any firewall"
            ) from None
        except OSError as error:
            raise AmiFailed(
                f"no AMI at {self._address} ({_why(error)}): see enabled, bindaddr "
                "and port in manager.conf"
            ) from None
        writer.close()
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        self._watchdog = asyncio.create_task(self._watch(), name="ami-watchdog")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def is_connected(self) -> bool:
        """True while logged in and answered."""
        return bool(self._manager and self._manager.authenticated and self._manager._connected)

    async def action(self, name: str, **fields: str) -> Answer:
        """Asterisk's answer to one action. `AmiFailed` where it refuses or keeps silent."""
        return (await self._send(_Action({"Action": name, **fields})))[0]

    async def listing(self, name: str, **fields: str) -> list[Answer]:
        """The events that answer a listing action, such as ShowDialPlan."""
        return (await self._send(_Listing({"Action": name, **fields})))[1:-1]

    async def take_events(self, kind: str, pattern: str, take: Callable[[Answer], None]) -> bool:
        """Hand over events of one class, as long as this connection lasts: not after `gone`.

        Only those whose text the pattern meets, where Asterisk sorts them out for us; False where
        it does not let us, and all of the class come. `take` must neither wait nor fail.
        """
        try:
            await self.action("Filter", Operation="Add", Filter=pattern)
            sorted_out = True
        except AmiFailed:
            sorted_out = False
        if self._manager is None:
            raise AmiFailed(f"AMI at {self._address} is away")
        self._manager.taker = lambda event: take({k.lower(): v for k, v in event.items()})
        await self.action("Events", EventMask=kind)
        return sorted_out

    async def gone(self) -> None:
        """Returns when the connection has dropped for the first time. What panoramisk makes in its
        place takes no events."""
        await self._gone.wait()

    async def _send(self, action: Action) -> list[Answer]:
        name = action["Action"]
        for value in action.values():
            if "\n" in value or "\r" in value:
                raise ValueError(f"AMI {name}: a line break would end the action")
        manager = self._manager
        if manager is None or not self.is_connected:
            raise AmiFailed(f"AMI at {self._address} is away")
        protocol = manager.protocol
        try:
            async with asyncio.timeout(self._timeout):
                await protocol.send(action)
        except TimeoutError:
            raise AmiFailed(f"AMI at {self._address} does not answer {name} in time") from None
        finally:
            # what is never answered would be kept for ever
            protocol.responses.pop(action.id, None)
        messages = action.responses
        if messages[0].response not in _SUCCESS:
            raise AmiFailed(f"AMI refuses {name}: {messages[0].message or 'no reason given'}")
        return [{key.lower(): value for key, value in each.items()} for each in messages]

    async def _connect(self) -> None:
        quiet = logging.getLogger(f"{__name__}.panoramisk")
        quiet.setLevel(logging.CRITICAL)
        login: asyncio.Future[asyncio.Future[Any]] = asyncio.get_running_loop().create_future()

        def connected(manager: _Manager) -> None:
            # on the first connection; later logins are panoramisk's own affair
            if not login.done():
                login.set_result(manager.authenticated_future)

        manager = self._manager = _Manager(
            host=self._host, port=self._port, **self._login, events="off", encoding="latin-1",
            loop=asyncio.get_running_loop(), ping_delay=_NEVER, ping_interval=_NEVER,
            forgetable_actions=_Everything(), log=quiet, on_connect=connected,
            protocol_factory=_Protocol, on_disconnect=lambda *_: self._gone.set(),
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._timeout):
                await manager.connect()
                answer = await (await login)
                # panoramisk notes the login in a done-callback, which may come after this line
                await asyncio.sleep(0)
        except TimeoutError:
            raise AmiFailed(f"AMI at {self._address} does not answer the login in time") from None
        except OSError as error:
            raise AmiFailed(f"no AMI at {self._address} ({_why(error)})") from None
        if not answer.success:
            raise AmiFailed(
                f"AMI at {self._address} refuses the login: compare ami.username and ami.password "
                "with manager.conf, and its permit lines"
            )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._ping_every)
            try:
                await self.action("Ping")
            except AmiFailed as error:
                manager = self._manager
                if manager and manager.protocol and not manager.protocol.closed:
                    log.warning("AMI connection given up", reason=str(error))
                    # panoramisk notices that and connects again
                    manager.protocol.transport.abort()

    async def _close(self) -> None:
        if self._watchdog:
            self._watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watchdog
        if self._manager:
            self._manager.ended = True
            self._manager.close()


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
