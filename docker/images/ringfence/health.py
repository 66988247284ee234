"""Owns the image's health check: is every configured door open? It must not know any rule.

Asked over the doors' own protocols, so that a process that runs and answers nobody is unhealthy.
Redis is no part of it: without Redis calls are screened by the last known rules, and a container
that is restarted for that would only lose time.
"""

import base64
import http.client
import socket
import sys
import urllib.parse
from collections.abc import Iterator

from ringfence.config import Address, AriSection, Settings, SettingsRefused, load_settings

# Together below the five seconds that the image gives the whole check.
SECONDS = 2.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong, one line for each door that is shut."""
    if settings.agi_bind is not None:
        yield from agi_problems(settings.agi_bind)
    if settings.ari.url:
        yield from ari_problems(settings.ari)


def agi_problems(bind: Address) -> Iterator[str]:
    """Play Asterisk to the door's own `ping`, from the header to the answer to its command."""
    where = (ANYWHERE.get(bind.host, bind.host), bind.port)
    asked = b"agi_network: yes\nagi_network_script: ping\nagi_request: agi://health/ping\n\n"
    try:
        with socket.create_connection(where, SECONDS) as door:
            door.settimeout(SECONDS)
            door.sendall(asked)
            said = door.recv(1024)
            door.sendall(b"200 result=1\n")
    except OSError as error:
        yield f"AGI door {bind} does not answer: {error}"
        return
    if not said.startswith(b"SET VARIABLE"):
        yield f"AGI door {bind} answers {said[:60]!r} to a ping"


def ari_problems(ari: AriSection) -> Iterator[str]:
    """Ask Asterisk whether the application is registered: then our WebSocket is up."""
    url = urllib.parse.urlsplit(ari.url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    asterisk = kind(url.netloc, timeout=SECONDS)
    login = base64.b64encode(f"{ari.username}:{ari.password}".encode()).decode()
    path = f"{url.path.rstrip('/').removesuffix('/ari')}/ari/applications/{ari.app}"
    try:
        asterisk.request("GET", path, headers={"Authorization": f"Basic {login}"})
        status = asterisk.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        yield f"ARI at {url.netloc} does not answer: {error}"
        return
    finally:
        asterisk.close()
    if status != http.client.OK:
        why = {401: "wrong name or password", 404: f"application {ari.app} is not registered"}
        yield f"ARI at {url.netloc}: {why.get(status, f'HTTP {status}')}"


def main() -> int:
    """Print what is wrong; 0 when nothing is."""
    try:
        found = list(problems(load_settings()))
    except SettingsRefused as error:
        found = [str(error)]
    print("\n".join(found) or "healthy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
