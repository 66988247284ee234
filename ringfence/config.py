"""The settings: from a TOML file and the environment; knows nothing of what is built from them.

One order of precedence: the environment, then one file (`--config`, `$RINGFENCE_CONFIG`,
/etc/ringfence/ringfence.toml, ./ringfence.toml), then what is written here. A name that is not
known stops the start: a misspelt one would otherwise be noticed by the calls.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

FILES = (Path("/etc/ringfence/ringfence.toml"), Path("ringfence.toml"))
PREFIX = "RINGFENCE_"
CONFIG = "RINGFENCE_CONFIG"
# The project's own tests, benchmarks and lab have settings too, which are none of a service's.
_NOT_OURS = ("RINGFENCE_TEST_", "RINGFENCE_LAB_", "RINGFENCE_BENCH_")
_FILE_SUFFIX = "_file"
DEFAULT_AGI_BIND = "127.0.0.1:4573"

Port = Annotated[int, Meta(ge=0, le=65_535)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class SettingsRefused(ValueError):  # noqa: N818 - the field's word: settings are refused
    """Settings that cannot be used; the text says in one line which and what to mend."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One section of the file. What is secret is never shown."""

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if name in SECRETS and value else repr(value)}"
            for name in self.__struct_fields__
            for value in (getattr(self, name),)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


SECRETS = frozenset({"password", "url"})
"""Keys that may be read from a file instead (`password_file`, as containers hand out secrets).
A URL counts, as Redis has its password there."""


class RedisSection(Section, frozen=True):
    """Without a URL an embedded Valkey runs under the state directory."""

    url: str = ""
    prefix: str = "ringfence:"


class AgiSection(Section, frozen=True):
    """The FastAGI door; an empty `bind` shuts it."""

    bind: str = ""


class AriSection(Section, frozen=True):
    """The ARI door; an empty `url` shuts it. Worker 2 registers the application ``<app>-2``."""

    url: str = ""
    username: str = "ringfence"
    password: str = ""
    app: Name = "ringfence"
    rest: Literal["http", "websocket"] = "http"

    def app_of(self, worker: int) -> str:
        """The application that this worker (1, 2, …) registers with Asterisk."""
        return self.app if worker <= 1 else f"{self.app}-{worker}"


class AmiSection(Section, frozen=True):
    """Asterisk's manager interface, which only `ringfence doctor` asks; no host: not at all."""

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


class CalllogSection(Section, frozen=True):
    """Bounds of the call log: records in Redis, bytes on disk while Redis is away."""

    maxlen: Annotated[int, Meta(ge=1_000)] = 1_000_000
    spool_bytes: Annotated[int, Meta(ge=1_000_000)] = 256_000_000
    mask_callers: bool = False


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
    calllog: CalllogSection = CalllogSection()
    log: LogSection = LogSection()
    file: Path | None = None

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


def load_settings(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold for this process. `SettingsRefused` says what to mend."""
    environ = os.environ if environ is None else environ
    path = _find_file(file, environ)
    values: dict[str, dict[str, Any]] = {name: {} for name in _sections()}
    if path:
        for section, key, value in _read_file(path):
            values[section][key] = value
    for section, key, value in _read_environment(environ):
        values[section][key] = value
    built = {name: kind(**values[name]) for name, kind in _sections().items()}
    settings: Settings = msgspec.structs.replace(Settings(file=path), **built)
    _check(settings)
    return settings


def _find_file(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    for source, named in (("--config", file), (CONFIG, environ.get(CONFIG))):
        if named:
            if not Path(named).is_file():
                raise SettingsRefused(f"{source}: there is no file {named}")
            return Path(named)
    return next((path for path in FILES if path.is_file()), None)


def _read_file(path: Path) -> Iterator[tuple[str, str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsRefused(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{path}: no valid TOML: {error}") from None
    known = [f"{section}.{key}" for section, keys in _keys().items() for key in keys]
    for section, keys in document.items():
        if section not in _sections() or not isinstance(keys, dict):
            raise SettingsRefused(f"{path}: unknown section [{section}]{_near(section, _keys())}")
        for key, value in keys.items():
            name = f"{section}.{key}"
            if name not in known:
                raise SettingsRefused(f"{path}: unknown key {name}{_near(name, known)}")
            yield section, *_converted(section, key, value, f"{path}: {name}", strict=True)


def _read_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    known = {
        f"{PREFIX}{section}_{key}".upper(): (section, key)
        for section, keys in _keys().items()
        for key in keys
    }
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name == CONFIG or name.startswith(_NOT_OURS):
            continue
        if name not in known:
            near = _near(name, [*known, CONFIG])
            raise SettingsRefused(f"unknown environment variable {name}{near}")
        section, key = known[name]
        yield section, *_converted(section, key, value, name, strict=False)


def _converted(section: str, key: str, value: Any, shown: str, *, strict: bool) -> tuple[str, Any]:
    if key not in _fields(section):
        key = key.removesuffix(_FILE_SUFFIX)
        try:
            value = Path(str(value)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"{shown}: cannot read {value}: {error}") from None
    try:
        return key, msgspec.convert(value, _fields(section)[key], strict=strict)
    except msgspec.ValidationError as error:
        said = "not shown" if key in SECRETS else repr(value)
        raise SettingsRefused(f"{shown}: {error} (is {said})") from None


def _sections() -> dict[str, type[Section]]:
    fields = msgspec.structs.fields(Settings)
    return {f.name: type(f.default) for f in fields if isinstance(f.default, Section)}


def _fields(section: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(_sections()[section])}


def _keys() -> dict[str, list[str]]:
    return {
        section: [*_fields(section), *(k + _FILE_SUFFIX for k in _fields(section) if k in SECRETS)]
        for section in _sections()
    }


def _near(name: str, known: Any) -> str:
    match = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {match[0]}?" if match else f"; known: {', '.join(sorted(known))}"


def _check(settings: Settings) -> None:
    _ = settings.agi_bind
    if settings.ari.url and not settings.ari.url.startswith(("http://", "https://")):
        raise SettingsRefused(
            "ari.url: write the address of Asterisk's HTTP server, such as http://127.0.0.1:8088/ari"
        )
    if settings.ari.url and not settings.ari.password:
        raise SettingsRefused("ari.password is not set: use the one in Asterisk's ari.conf")
