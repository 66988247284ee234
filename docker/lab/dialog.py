"""Owns one outgoing call from INVITE to BYE; it must not know sockets or other calls."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab import sipmessage
from lab.answered import Act, CallResult, Line
from lab.media import MediaSocket, Speaker
from lab.sipmessage import Headers, Message

T1 = 0.5  # RFC 3261: how long a message may take there and back
_BYE_PATIENCE = 2.0
_LONGEST_ACT = 300.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a call's messages are made of."""

    call_id: bytes
    uri: bytes
    sender: bytes  # From, with its tag
    contact: bytes
    via: bytes  # without its branch
    headers: Headers  # the INVITE's own
    offer: bytes


class Call:
    """The caller's side of one call."""

    def __init__(self, send: Callable[[bytes], None], media: MediaSocket, parts: Parts) -> None:
        self._send = send
        self._media = media
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._final: asyncio.Future[Message | None] = self._loop.create_future()
        self._left: asyncio.Future[None] = self._loop.create_future()
        self._bye_done: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._branch = _new_branch()
        self._to = b"<" + parts.uri + b">"
        self._far_uri = parts.uri
        self._ack = b""
        self._cancel_due = False
        self._over = False  # nobody follows the call any more: answer, but repeat nothing
        self._provisionals: list[int] = []
        self._early_sdp = False
        self._early_rtp = 0
        self._peer: tuple[str, int] | None = None
        self._speaker: Speaker | None = None
        self._sent = 0
        self._began = self._setup = 0.0

    async def run(
        self,
        *,
        talk: float,
        hang_up_after: float | None,
        timeout: float,  # noqa: ASYNC109
        act: Act | None = None,
    ) -> CallResult:
        """Place the call and follow it to its end; the final response is waited for `timeout`."""
        timers = [self._loop.call_later(timeout, self._give_up)]
        if hang_up_after is not None:
            timers.append(self._loop.call_later(hang_up_after, self._cancel))
        self._began = time.perf_counter()
        self._invite(T1)
        try:
            final = await self._final
            if final is not None and final.status < 300:
                if act is not None and not self._cancel_due:
                    await self._act(act)
                await self._talk(0.0 if self._cancel_due else talk)
                heard = self._heard() - self._early_rtp
                await self._hang_up()
                return self._result(final, heard)
            return self._result(final, 0)
        finally:
            # also when whoever waits for the call loses interest
            self._give_up()
            self._over = True
            for timer in timers:
                timer.cancel()
            self._stop_repeating()
            if self._peer is not None:
                self._media.forget(self._peer)

    def received(self, message: Message, arrived: float) -> None:
        """Take in a message of this call."""
        if not message.status:
            self._far_side_wants(message)
            return
        answered_method = message.first(b"cseq").rpartition(b" ")[2]
        if answered_method == b"BYE":
            _settle(self._bye_done)
        elif answered_method != b"INVITE":
            self._stop_repeating()
        elif message.status < 200:
            self._proceed(message)
        else:
            self._conclude(message, arrived)

    def _invite(self, interval: float) -> None:
        extra = [(sipmessage.raw(k), sipmessage.raw(v)) for k, v in self._parts.headers]
        extra.append((b"Contact", self._parts.contact))
        invite = self._compose(
            b"INVITE", self._parts.uri, 1, self._branch, extra, self._parts.offer
        )
        self._repeat(invite, interval)

    def _repeat(self, datagram: bytes, interval: float) -> None:
        # UDP loses; RFC 3261 doubles the pause until something comes back
        self._send(datagram)
        if datagram.startswith(b"INVITE"):
            self._sent += 1
        if not self._over:
            self._timer = self._loop.call_later(interval, self._repeat, datagram, interval * 2)

    def _stop_repeating(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _proceed(self, message: Message) -> None:
        self._provisionals.append(message.status)
        if len(self._provisionals) == 1:
            self._stop_repeating()
            if self._cancel_due and not self._ack:
                self._send_cancel()
        if message.body and self._peer is None:
            self._early_sdp = True
            self._listen_to(message)

    def _listen_to(self, message: Message) -> None:
        peer = message.media_address()
        if peer is not None and peer != self._peer:
            self._peer = peer
            self._media.watch(peer)

    def _conclude(self, message: Message, arrived: float) -> None:
        if self._ack:  # our ACK was lost
            self._send(self._ack)
            return
        self._stop_repeating()
        self._to = message.first(b"to")
        late = self._final.done()
        if message.status < 300:
            self._far_uri = sipmessage.uri_of(message.first(b"contact")) or self._parts.uri
            self._early_rtp = self._heard()
            self._listen_to(message)
            self._ack = self._compose(b"ACK", self._far_uri, 1, _new_branch())
        else:
            self._early_rtp = self._heard()
            # the ACK of a refusal belongs to the INVITE's transaction, that of an answer does not
            self._ack = self._compose(b"ACK", self._parts.uri, 1, self._branch)
        self._send(self._ack)
        if not late:
            self._setup = arrived - self._began
            self._final.set_result(message)
        elif message.status < 300:  # answered after we had given up
            self._send(self._compose(b"BYE", self._far_uri, 2, _new_branch()))

    def _cancel(self) -> None:
        if self._final.done() or self._cancel_due:
            return
        self._cancel_due = True
        # RFC 3261, 9.1: not before the other side has shown that it knows of the call
        if self._provisionals:
            self._send_cancel()

    def _send_cancel(self) -> None:
        self._repeat(self._compose(b"CANCEL", self._parts.uri, 1, self._branch), T1)

    def _give_up(self) -> None:
        if not self._final.done():
            self._cancel()
            self._final.set_result(None)

    async def _act(self, act: Act) -> None:
        if self._peer is None:
            raise RuntimeError("answered without SDP: there is nobody to press keys for")
        speaker = self._media.speaker(self._peer)
        self._speaker = speaker
        speech = self._loop.create_task(speaker.talk(_LONGEST_ACT))
        acting = asyncio.ensure_future(act(Line(speaker.press, self._far_side_left)))
        try:
            await asyncio.wait([acting, self._left], return_when=asyncio.FIRST_COMPLETED)
            if acting.done():
                acting.result()
        finally:
            speech.cancel()
            acting.cancel()

    async def _far_side_left(self) -> None:
        await asyncio.wait([self._left])

    async def _talk(self, seconds: float) -> None:
        if seconds <= 0 or self._left.done():
            return
        if self._peer is None:
            await asyncio.wait([self._left], timeout=seconds)
            return
        speaker = self._speaker or self._media.speaker(self._peer)
        speech = self._loop.create_task(speaker.talk(seconds))
        try:
            await asyncio.wait([speech, self._left], return_when=asyncio.FIRST_COMPLETED)
        finally:
            speech.cancel()

    async def _hang_up(self) -> None:
        if self._left.done():
            return
        self._repeat(self._compose(b"BYE", self._far_uri, 2, _new_branch()), T1)
        await asyncio.wait(
            [self._bye_done, self._left],
            timeout=_BYE_PATIENCE,
            return_when=asyncio.FIRST_COMPLETED,
        )

    def _far_side_wants(self, message: Message) -> None:
        if message.method == b"ACK":
            return
        same = [
            (name.title(), value)
            for name in (b"via", b"from", b"to", b"call-id", b"cseq")
            for value in message.headers.get(name, [])
        ]
        offers = message.method in (b"INVITE", b"UPDATE")
        if offers:
            same.append((b"Contact", self._parts.contact))
        body = self._parts.offer if offers else b""
        self._send(sipmessage.compose(b"SIP/2.0 200 OK", same, body))
        if message.method == b"BYE":
            _settle(self._left)

    def _compose(
        self,
        method: bytes,
        uri: bytes,
        number: int,
        branch: bytes,
        extra: list[tuple[bytes, bytes]] | None = None,
        body: bytes = b"",
    ) -> bytes:
        headers = [
            (b"Via", self._parts.via + b";rport;branch=" + branch),
            (b"Max-Forwards", b"70"),
            (b"From", self._parts.sender),
            (b"To", self._to),
            (b"Call-ID", self._parts.call_id),
            (b"CSeq", b"%d %s" % (number, method)),
            *(extra or ()),
        ]
        return sipmessage.compose(method + b" " + uri + b" SIP/2.0", headers, body)

    def _heard(self) -> int:
        return 0 if self._peer is None else self._media.received[self._peer]

    def _result(self, final: Message | None, heard: int) -> CallResult:
        return CallResult(
            call_id=sipmessage.text(self._parts.call_id),
            status=0 if final is None else final.status,
            phrase="no final response in time" if final is None else final.phrase,
            reason="" if final is None else sipmessage.text(final.first(b"reason")),
            provisionals=tuple(self._provisionals),
            early_media=self._early_sdp or self._early_rtp > 0,
            early_rtp_packets=self._early_rtp,
            answered=final is not None and final.status < 300,
            rtp_packets=heard,
            hung_up_by_far_side=self._left.done(),
            setup_ms=self._setup * 1000,
            invites_sent=self._sent,
        )


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _new_branch() -> bytes:
    return b"z9hG4bK" + secrets.token_hex(8).encode()
