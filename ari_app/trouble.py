"""Why there is no connection to ARI, in one line that says what to mend."""

from __future__ import annotations

from ari_app.settings import AriSettings


def replaced(app: str) -> str:
    """Another client took the application's name."""
    return (
        f"another process has registered the application {app}: stop it, "
        "or give each worker its own number or ari.app"
    )


def refused(status: int, settings: AriSettings) -> str:
    """Asterisk answered the WebSocket, or a request, with this status."""
    if status == 401:
        return (
            f"ARI refuses the login of {settings.username!r} (401): make username and password "
            "the same in ari.conf and in [ari] of the settings"
        )
    if status == 403:
        return (
            f"ARI forbids {settings.username!r} (403): set read_only = no for that user in ari.conf"
        )
    if status == 404:
        return (
            f"no ARI at {settings.url} (404): set enabled = yes in http.conf and ari.conf, load "
            "res_ari_events.so, and mind `prefix` in http.conf"
        )
    return f"{settings.url} answers {status} to the WebSocket: is that Asterisk's ARI?"
