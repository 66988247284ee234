"""What every command shares: `--config`, `--json` and the settings; knows no command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ringfence.cli.signature import Signature, account
from ringfence.config import Settings, load_settings


class Invocation:
    """One run of the command line, found by commands as ``click.pass_obj``."""

    def __init__(self) -> None:
        self.config: Path | None = None
        self.json = False
        self.who = ""
        self.why = ""
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings, read when they are first needed."""
        if self._settings is None:
            self._settings = load_settings(self.config)
        return self._settings

    @property
    def signature(self) -> Signature:
        """Who runs this, and why."""
        return Signature(self.who or account(), self.why)


class Command(click.Command):
    """A command with `--config` and `--json`. Its docstring ends with an example."""

    def __init__(self, *args: Any, with_json: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_config_option())
        if with_json:
            self.params.append(_json_option())


class Group(click.Group):
    """Commands of one noun, such as `ringfence rule`."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # click's own message names the wrong command; ours names the right ones too
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"no command {name!r}; there are {known}", ctx)
        return super().resolve_command(ctx, args)


def _config_option() -> click.Option:
    def keep(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
        if value:
            ctx.find_object(Invocation).config = value  # type: ignore[union-attr]

    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Settings, instead of /etc/ringfence/ringfence.toml.",
        expose_value=False,
        callback=keep,
    )


def _json_option() -> click.Option:
    def keep(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            ctx.find_object(Invocation).json = True  # type: ignore[union-attr]

    return click.Option(
        ["--json"], is_flag=True, help="JSON for scripts.", expose_value=False, callback=keep
    )


def print_json(value: Any) -> None:
    """One JSON document, or one line of a stream of them."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))
