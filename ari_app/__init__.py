"""The ARI door: calls wait in a Stasis application until this door sends them on.

`settings` says where Asterisk is; `events` reads what it tells; `client` keeps one WebSocket to it
alive, and `trouble` says why it cannot; `rest` sends requests, over HTTP or over that WebSocket.
`app` is the door, from StasisStart to the record of what became of a call (`waiting`); `verdicts`
tells Asterisk what was decided, `treatments` plays intercepts, `challenge` asks for a digit;
`leftovers` finds the calls whose StasisStart nobody read.
"""

from ari_app.app import AriDoor
from ari_app.settings import AriSettings

__all__ = ["AriDoor", "AriSettings"]
