"""The settings in the words of their file, with what holds where nothing is set; reads nothing."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ringfence.thresholds import Thresholds

DEFAULT_AGI_BIND = "127.0.0.1:4573"
ARCHIVE_SCHEMES = ("postgresql://", "postgres://")

Port = Annotated[int, Meta(ge=0, le=65_535)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class SettingsRefused(ValueError):  # noqa: N818 - the field's word: settings are refused
    """Settings that cannot be used; the text says in one line which and what to mend."""


SECRETS = frozenset({"redis.url", "ari.password", "ami.password", "calllog.archive"})
"""Never shown, and readable from a file instead (`password_file`, as containers hand out secrets).
The URLs of a Redis and of a PostgreSQL have their passwords in them."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One section of the file. What is secret is never shown."""

    def __repr__(self) -> str:
        section = type(self).__name__.removesuffix("Section").lower()
        shown = (
            f"{name}={'***' if f'{section}.{name}' in SECRETS and value else repr(value)}"
            for name in self.__struct_fields__
            for value in (getattr(self, name),)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class RedisSection(Section, frozen=True):
    """Without a URL an embedded Valkey runs under the state directory."""

    url: str = ""
    prefix: str = "ringfence:"


class AgiSection(Section, frozen=True):
    """The FastAGI door; an empty `bind` shuts it."""

    bind: str = ""


class AriSection(Section, frozen=True):
    """The ARI door; an empty `url` shuts it. Worker 2 registers the application ``<app>-2``.

    `url` is ``http://127.0.0.1:8088/ari``; of an address without a path ``/ari`` is meant. Where
    http.conf has a prefix, it stands in front: ``http://127.0.0.1:8088/asterisk/ari``. `deadline`
    is the dialplan's RINGFENCE_DEADLINE; `rest` ``http`` is for trying alone, as an Asterisk
    without REST over the WebSocket gets HTTP by itself.
    """

    url: str = ""
    username: str = "ringfence"
    password: str = ""
    app: Name = "ringfence"
    rest: Literal["http", "websocket"] = "websocket"
    deadline: Annotated[float, Meta(gt=0, le=60)] = 0.25

    def __post_init__(self) -> None:
        _, scheme_ends, rest = self.url.partition("://")
        if scheme_ends and not rest.partition("/")[2]:
            msgspec.structs.force_setattr(self, "url", self.url.rstrip("/") + "/ari")

    def app_of(self, worker: int) -> str:
        """The application that this worker (1, 2, …) registers with Asterisk."""
        return self.app if worker <= 1 else f"{self.app}-{worker}"


class AmiSection(Section, frozen=True):
    """Asterisk's manager interface: `ringfence doctor` asks it, notices with `hang_up` end calls,
    `ringfence serve` hears how calls end; no host: none of it."""

    host: str = ""
    port: Port = 5038
    username: str = "ringfence"
    password: str = ""


class StateSection(Section, frozen=True):
    """Where the snapshot, the call log's spool and the embedded Valkey live."""

    dir: str = ""

    @property
    def path(self) -> Path:
        """The directory, by default where such things live on this system."""
        if self.dir:
            return Path(self.dir)
        if os.geteuid() == 0:
            return Path("/var/lib/ringfence")
        try:
            base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
        except RuntimeError:
            raise SettingsRefused("no home directory: set RINGFENCE_STATE_DIR") from None
        return Path(base) / "ringfence"


class ScreeningSection(Section, frozen=True):
    """What happens when screening itself fails; with `monitor` every rule only notes."""

    fail: Literal["open", "closed"] = "open"
    monitor: bool = False


class ScoreSection(Section, frozen=True):
    """From how many points on a call is flagged, challenged, blocked; 0: never. A trunk's own
    `score` counts instead of these."""

    flag_at: Annotated[int, Meta(ge=0, le=100_000)] = 0
    challenge_at: Annotated[int, Meta(ge=0, le=100_000)] = 0
    block_at: Annotated[int, Meta(ge=0, le=100_000)] = 0

    @property
    def thresholds(self) -> Thresholds:
        """The same in the words of screening."""
        return Thresholds(self.flag_at or None, self.challenge_at or None, self.block_at or None)


class AttestationSection(Section, frozen=True):
    """Our own STIR/SHAKEN verifier; without `roots` no certificate is fetched.

    `roots` is a PEM file, a folder of them, or the policy administrator's list (a JWT), and is
    read again when it changes. `crl` ``require``: a certificate whose revocation list cannot be
    had is as good as revoked. `crl_issuers` is a PEM file or folder: who signs revocation lists
    besides the authorities that issue certificates. `tls_ca` is a PEM file: who is trusted to
    vouch for certificate servers besides the machine's own authorities. `allow_addresses` are
    networks, with commas between, that may be fetched from although they are inner ones: any
    caller can make us open connections into them. `wait` is the share of a call's deadline that
    an unknown certificate may take, `fetch_timeout` how long it may go on behind the call; both
    in seconds.
    """

    roots: str = ""
    crl: Literal["check", "require", "off"] = "check"
    crl_issuers: str = ""
    tls_ca: str = ""
    allow_addresses: str = ""
    wait: Annotated[float, Meta(ge=0, le=5)] = 0.1
    fetch_timeout: Annotated[float, Meta(gt=0, le=30)] = 5.0

    @property
    def networks(self) -> tuple[Network, ...]:
        """The inner networks that may be fetched from."""
        try:
            return tuple(
                ipaddress.ip_network(text.strip())
                for text in self.allow_addresses.split(",")
                if text.strip()
            )
        except ValueError as error:
            raise SettingsRefused(
                f"attestation.allow_addresses: {error}; write networks such as 10.0.0.0/8"
            ) from None


class CalllogSection(Section, frozen=True):
    """Bounds of the call log: records in Redis, bytes on disk while Redis is away, and for how
    many days calls are kept in the archive: a subscriber may ask what was blocked in the last 28.

    `archive` is ``postgresql://USER@HOST/DATABASE``, for one archive of several hosts; empty: a
    file a day in the directory of the state.
    """

    maxlen: Annotated[int, Meta(ge=1_000)] = 1_000_000
    spool_bytes: Annotated[int, Meta(ge=1_000_000)] = 256_000_000
    mask_callers: bool = False
    keep: Annotated[int, Meta(ge=28, le=36_500)] = 400
    archive: str = ""


class NoticesSection(Section, frozen=True):
    """Who we are in notices about providers, and the time zone of the office that answers
    tracebacks: its business hours are those of the rule's clock."""

    timezone: str = ""
    company: str = ""
    frn: str = ""
    contact: str = ""


class LogSection(Section, frozen=True):
    """`format` auto: for people on a terminal, JSON otherwise."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; `file` is the one that was read, if any."""

    redis: RedisSection = RedisSection()
    agi: AgiSection = AgiSection()
    ari: AriSection = AriSection()
    ami: AmiSection = AmiSection()
    state: StateSection = StateSection()
    screening: ScreeningSection = ScreeningSection()
    score: ScoreSection = ScoreSection()
    attestation: AttestationSection = AttestationSection()
    calllog: CalllogSection = CalllogSection()
    notices: NoticesSection = NoticesSection()
    log: LogSection = LogSection()
    file: Path | None = None

    def check(self) -> None:
        """`SettingsRefused` where settings do not go together."""
        _ = self.agi_bind, self.attestation.networks
        if self.ari.url and self.attestation.wait > self.ari.deadline / 2:
            raise SettingsRefused(
                f"attestation.wait is {self.attestation.wait:g} s: a call waits ari.deadline "
                f"({self.ari.deadline:g} s) for all of its verdict; make it at most half of that"
            )
        if self.ari.url and not self.ari.url.startswith(("http://", "https://")):
            raise SettingsRefused("ari.url: write ARI's address, such as http://127.0.0.1:8088/ari")
        if self.calllog.archive and not self.calllog.archive.startswith(ARCHIVE_SCHEMES):
            raise SettingsRefused(
                "calllog.archive: write postgresql://USER@HOST/DATABASE, or leave it empty for "
                "files in the state directory"
            )
        if self.ari.url and not self.ari.password:
            raise SettingsRefused("ari.password is not set: use the one in Asterisk's ari.conf")

    @property
    def agi_bind(self) -> Address | None:
        """Where the FastAGI door listens; None where only the ARI door is open."""
        if self.agi.bind:
            return parse_address("agi.bind", self.agi.bind)
        return None if self.ari.url else parse_address("agi.bind", DEFAULT_AGI_BIND)


class Address(NamedTuple):
    """A host and a port to listen at or to connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(name: str, text: str) -> Address:
    """``127.0.0.1:4573`` or ``[::1]:4573``; `name` is the setting that a refusal names."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingsRefused(f"{name} = {text!r}: write HOST:PORT, such as {DEFAULT_AGI_BIND}")
    return Address(host, int(port))
