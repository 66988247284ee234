"""Owns whom one lab's Asterisk trusts for TLS; it must not know what is fetched.

Asterisk's fetcher believes the machine's authorities and cannot be told of others. The root folder
has none, and is shared by all labs: so one lab's stand in their place for its own Asterisk alone.
"""

from collections.abc import Sequence
from pathlib import Path

# Where Debian's libcurl looks.
_PLACE = "etc/ssl/certs"
_BUNDLE = "ca-certificates.crt"
_SCRIPT = 'mount --bind "$0" "$1" && shift && exec "$@"'


def trusting(pem: str, folder: Path, root: Path, command: Sequence[str]) -> list[str]:
    """The command with these authorities, kept in `folder`, in a mount namespace of its own."""
    folder.mkdir(exist_ok=True)
    (folder / _BUNDLE).write_text(pem)
    place = root / _PLACE
    place.mkdir(parents=True, exist_ok=True)
    return ["unshare", "--mount", "sh", "-c", _SCRIPT, str(folder), str(place), *command]
