"""What the ARI door can be told, checked once at the start; knows no file and no environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

RestMode = Literal["http", "websocket"]

_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_URL = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class AriSettings:
    """`url` is ARI's, as in ``http://127.0.0.1:8088/ari``; times are in seconds.

    `worker` counts the processes that serve one Asterisk: the first registers `app`, the second
    ``<app>-2``, and ``StasisBroadcast`` offers each call to all of them; `shared` says that there
    are several. `deadline` is the dialplan's RINGFENCE_DEADLINE. `prompt_limit` is the longest
    announcement, with all prompts and repeats, as in the dialplan where that plays it. `rest`
    ``websocket`` costs a third less of our time for each call; an Asterisk that lacks it gets HTTP.
    """

    url: str = "http://127.0.0.1:8088/ari"
    username: str = "ringfence"
    password: str = field(default="", repr=False)
    app: str = "ringfence"
    worker: int = 1
    shared: bool = False
    rest: RestMode = "websocket"
    deadline: float = 0.25
    prompt_limit: float = 60.0
    # Asterisk's http.conf allows 100 sessions in all unless `sessionlimit` says otherwise, and
    # other applications and workers need theirs; 16 carry several thousand requests a second.
    connections: int = 16
    in_flight: int = 1_000
    heartbeat: float = 4.0

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise ValueError(
                f"ari.url {self.url[:100]!r} is no address of ARI: "
                "write it like http://127.0.0.1:8088/ari, without user or password"
            )
        if not _APP.fullmatch(self.app):
            raise ValueError(
                f"ari.app {self.app[:100]!r}: use 1 to 61 letters, digits, _ . - for the name"
            )
        if self.rest not in ("http", "websocket"):
            raise ValueError(f"ari.rest {self.rest!r}: choose http or websocket")
        for name in ("worker", "connections", "in_flight"):
            if getattr(self, name) < 1:
                raise ValueError(f"ari.{name} must be 1 or more")
        for name in ("deadline", "prompt_limit", "heartbeat"):
            if not 0 < getattr(self, name) <= 3_600:
                raise ValueError(f"ari.{name} must be more than 0 and at most 3600 seconds")

    @property
    def app_name(self) -> str:
        """The application that this worker registers; StasisBroadcast needs one for each."""
        return self.app if self.worker == 1 else f"{self.app}-{self.worker}"

    @property
    def base_url(self) -> str:
        """`url` without a slash at its end."""
        return self.url.rstrip("/")
