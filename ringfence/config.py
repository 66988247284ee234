"""Reads the settings from a TOML file and the environment; knows nothing of what they are for.

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
from typing import Any

import msgspec

from ringfence.settings import (
    DEFAULT_AGI_BIND,
    SECRETS,
    Address,
    AgiSection,
    AmiSection,
    AriSection,
    LogSection,
    Section,
    Settings,
    SettingsRefused,
    parse_address,
)

FILES = (Path("/etc/ringfence/ringfence.toml"), Path("ringfence.toml"))
PREFIX = "RINGFENCE_"
CONFIG = "RINGFENCE_CONFIG"
# Says who changes something, to commands; no setting of the service.
WHO = "RINGFENCE_WHO"
# The project's own tests, benchmarks and lab have settings too, which are none of a service's.
_NOT_OURS = ("RINGFENCE_TEST_", "RINGFENCE_LAB_", "RINGFENCE_BENCH_")
_FILE_SUFFIX = "_file"

__all__ = [
    "DEFAULT_AGI_BIND",
    "Address",
    "AgiSection",
    "AmiSection",
    "AriSection",
    "LogSection",
    "Settings",
    "SettingsRefused",
    "load_settings",
    "parse_address",
]


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
    settings.check()
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
        if not name.startswith(PREFIX) or name in (CONFIG, WHO) or name.startswith(_NOT_OURS):
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
        said = "not shown" if f"{section}.{key}" in SECRETS else repr(value)
        raise SettingsRefused(f"{shown}: {error} (is {said})") from None


def _sections() -> dict[str, type[Section]]:
    fields = msgspec.structs.fields(Settings)
    return {f.name: type(f.default) for f in fields if isinstance(f.default, Section)}


def _fields(section: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(_sections()[section])}


def _keys() -> dict[str, list[str]]:
    keys = {section: list(_fields(section)) for section in _sections()}
    for secret in SECRETS:
        section, key = secret.split(".")
        keys[section].append(key + _FILE_SUFFIX)
    return keys


def _near(name: str, known: Any) -> str:
    match = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {match[0]}?" if match else f"; known: {', '.join(sorted(known))}"
