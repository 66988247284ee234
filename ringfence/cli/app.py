"""The entry of the command line: finds commands by name and imports only the one that is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Never

import click

from ringfence import __version__
from ringfence.cli.invocation import Group, Invocation
from ringfence.cli.refusals import end_with

COMMANDS = {
    "serve": ("ringfence.cli.serve", "Screen calls: run the doors that are configured."),
    "init": ("ringfence.cli.init", "Write the dialplan and Asterisk's snippets into a folder."),
    "doctor": ("ringfence.cli.doctor", "Check everything and say how to mend what is wrong."),
    "rule": ("ringfence.cli.rule", "Rules: add, set, show, remove, enable, history, undo, test."),
    "list": ("ringfence.cli.lists", "Number lists: add, remove, import, show, history, names."),
    "trunk": ("ringfence.cli.trunk", "Trunks' settings: set, show, list, remove, history, undo."),
    "callee": ("ringfence.cli.callee", "Called customers' own choices: set, allow, block, show."),
    "provider": ("ringfence.cli.provider", "Providers: add, set, show, list, remove, history."),
    "notice": ("ringfence.cli.notice", "Notices about providers: deadlines, steps, blocks."),
    "feed": ("ringfence.cli.feed", "Feeds: import, schedule, refresh, status, rules, history."),
    "export": ("ringfence.cli.export", "All that admins keep into one readable file."),
    "import": ("ringfence.cli.import_", "Such a file into Redis; shows the difference first."),
    "check": ("ringfence.cli.check", "What would happen to this call, and why."),
    "identity": ("ringfence.cli.identity", "Identity headers by hand: take apart, verify."),
    "dispute": ("ringfence.cli.dispute", "Callers blocked in error: add, lift, told, close, undo."),
    "report": ("ringfence.cli.report", "A number's blocked calls; trunks, providers, rules."),
    "calls": ("ringfence.cli.calls", "The call log: what was screened, and how it ended."),
    "traceback": ("ringfence.cli.traceback", "Where a call came from: the answer to a traceback."),
    "archive": ("ringfence.cli.archive", "The archive of the call log: its days, how far it is."),
}


class App(Group):
    """`ringfence`. Its commands are modules with a `command`, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # from the table, as click would import every command for its one line
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=App, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="ringfence")
def app() -> None:
    """Screens calls on Asterisk by rules in Redis.

    Settings, such as thresholds for the score or monitor mode for all rules, stand in
    /etc/ringfence/ringfence.toml, which `init` writes, or in the environment:
    RINGFENCE_SCORE_BLOCK_AT=70, RINGFENCE_SCREENING_MONITOR=true.

    \b
    Example:
      ringfence rule add premium --caller '+1900*' --action block
      ringfence check --caller +19005550100 --called +12025550123
    """


def main(arguments: Sequence[str] | None = None) -> Never:
    """Run one command and exit with its code."""
    try:
        result = app.main(
            args=None if arguments is None else list(arguments),
            prog_name="ringfence",
            standalone_mode=False,
            obj=Invocation(),
        )
    except Exception as error:
        end_with(error)
    raise SystemExit(result if isinstance(result, int) else 0)
