"""ARI's events as far as the door reads them; pure. What else is in them is passed over."""

from __future__ import annotations

import msgspec


class Channel(msgspec.Struct, frozen=True):
    """The channel of an event; `id` is its uniqueid."""

    id: str = ""
    name: str = ""


class Playback(msgspec.Struct, frozen=True):
    """A prompt that is or was played; `state` is ``done`` or ``failed`` at its end."""

    id: str = ""
    state: str = ""


class Event(msgspec.Struct, frozen=True):
    """Any event. The last three fields are those of RESTResponse, which comes the same way."""

    type: str = ""
    channel: Channel = Channel()
    playback: Playback = Playback()
    digit: str = ""
    application: str = ""
    args: tuple[str, ...] = ()
    request_id: str = ""
    status_code: int = 0
    message_body: str = ""

    @property
    def facts(self) -> str:
        """The facts text. StasisBroadcast splits it at colons, Stasis (whose only argument it is)
        at nothing: URI-encoded values hold neither a comma nor a colon.
        """
        return ":".join(self.args)


READ = (
    "StasisStart",
    "StasisEnd",
    # Tells a caller who left from a dialplan that went on alone: for that, Asterisk sends none.
    "ChannelHangupRequest",
    "CallBroadcast",
    "PlaybackFinished",
    # What a caller presses, also while a prompt plays.
    "ChannelDtmfReceived",
    "ApplicationReplaced",
    # Answers to requests over the WebSocket pass the same filter (read in Asterisk 22's source).
    "RESTResponse",
)
"""The types that the door asks for; Asterisk keeps the others, such as one for each variable."""

EVENT_FILTER = msgspec.json.encode({"allowed": [{"type": name} for name in READ]})

_decoder = msgspec.json.Decoder(Event)


def decode_event(frame: bytes) -> Event | None:
    """The event in a text frame, None where it is not one."""
    try:
        return _decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
