"""Is ARI there, does it let us in, and is our application registered? Changes nothing."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import aiohttp

from ringfence.doctor.finding import Findings, fail, ok
from ringfence.settings import AriSection

PART = "ari"
SECONDS = 1.5


class Ari:
    """A few bounded questions over HTTP."""

    def __init__(self, settings: AriSection) -> None:
        self._url = settings.url.rstrip("/")
        login = f"{settings.username}:{settings.password}".encode()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            headers={"Authorization": "Basic " + base64.b64encode(login).decode()},
        )

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and document. `aiohttp.ClientError` or TimeoutError where there is no answer."""
        async with self._session.get(self._url + path) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else None

    async def close(self) -> None:
        """Let go of the connection."""
        await self._session.close()


async def examine_ari(settings: AriSection) -> Findings:
    """Version, login, and application."""
    ari = Ari(settings)
    try:
        status, info = await ari.get("/asterisk/info?only=system")
        if status == 401:
            yield fail(PART, f"{settings.url} refuses the login of {settings.username!r}",
                       "the same username and password in ari.conf and [ari]")  # fmt: skip
            return
        if status != 200 or not isinstance(info, dict):
            yield fail(
                PART,
                f"{settings.url} answers {status}: that is no ARI",
                "enabled = yes in http.conf and ari.conf; ari.url ends in /ari",
            )
            return
        version = info.get("system", {}).get("version", "?")
        yield ok(PART, f"Asterisk {version} at {settings.url}")
        status, _ = await ari.get(f"/applications/{quote(settings.app)}")
        if status == 200:
            yield ok(PART, f"application {settings.app} is registered")
        else:
            yield fail(PART, f"application {settings.app} is not registered: calls sent there are "
                       "let through unscreened", "start `ringfence serve`")  # fmt: skip
    except TimeoutError:
        yield fail(PART, f"{settings.url} does not answer in time", "see whether Asterisk hangs")
    except aiohttp.ClientError as error:
        yield fail(PART, f"no HTTP server at {settings.url} ({_short(error)})",
                   "enabled = yes, bindaddr and bindport in http.conf; see ari.url")  # fmt: skip
    finally:
        await ari.close()


def _short(error: Exception) -> str:
    cause = getattr(error, "os_error", None)
    return (cause.strerror if cause else None) or type(error).__name__
