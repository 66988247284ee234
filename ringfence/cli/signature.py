"""Who changes what, why, and what they have seen of it: `--as`, `--why` and `--expect` of commands
that write. Opens no store."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from ringfence.config import WHO

F = TypeVar("F", bound=Callable[..., Any])
MAX_WHO, MAX_WHY = 64, 1_000
# as `store.history.version_of` makes them; not imported, as `--help` needs no Redis client
_VERSION = re.compile(r"[0-9a-f]{12}", re.ASCII)


class Signature(NamedTuple):
    """Stands in the history beside what was changed."""

    who: str
    why: str = ""


def account() -> str:
    """The admin at the keyboard, also behind sudo or doas; `RINGFENCE_WHO` where scripts and
    shared accounts say better who it is."""
    for name in (WHO, "SUDO_USER", "DOAS_USER", "USER"):
        if found := os.environ.get(name, "").strip():
            return found
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def signed(function: F) -> F:
    """Adds `--why` and `--as` to a command that writes; `Invocation.signature` has them."""
    why = click.option(
        "--why", metavar="TEXT", expose_value=False, callback=_keep_why,
        help="The reason, for the next admin: the history keeps it.",
    )  # fmt: skip
    who = click.option(
        "--as", "as_", metavar="NAME", expose_value=False, callback=_keep_who,
        help=f"Who changes this, instead of the account that runs it or ${WHO}.",
    )  # fmt: skip
    return who(why(function))


def expecting(function: F) -> F:
    """Adds `--expect` to a command that changes what is there."""
    return click.option(
        "--expect", metavar="VERSION", default="", callback=_version,
        help="Only if this version stands there: `show` says which you have seen.",
    )(function)  # fmt: skip


def _version(ctx: click.Context, parameter: click.Parameter, text: str) -> str:
    if text and not _VERSION.fullmatch(text.lower()):
        raise click.BadParameter("a version is 12 hex digits, as `show` has it")
    return text.lower()


def _keep_why(ctx: click.Context, parameter: click.Parameter, text: str | None) -> None:
    if text:
        ctx.obj.why = _bounded(text, MAX_WHY, "--why")


def _keep_who(ctx: click.Context, parameter: click.Parameter, text: str | None) -> None:
    if text is not None:
        if not text.strip():
            raise click.BadParameter("write a name")
        ctx.obj.who = _bounded(text.strip(), MAX_WHO, "--as")


def _bounded(text: str, most: int, option: str) -> str:
    if len(text) > most:
        raise click.BadParameter(f"{option} takes up to {most} characters")
    return text
