"""How a command ends when it cannot do what was asked: one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Never

import click
from click.exceptions import Abort, NoArgsIsHelpError

from ringfence.cli.output import one_line
from ringfence.config import SettingsRefused

REFUSED, WRONG_USE, INTERRUPTED = 1, 2, 130


class Refused(click.ClickException):
    """Refused, or nothing found: exit code 1. The text is one line that says what to do."""

    exit_code = REFUSED


def end_with(error: Exception) -> Never:
    """Say what is wrong and exit."""
    match error:
        case NoArgsIsHelpError():
            error.show()
            sys.exit(WRONG_USE)
        case Abort():
            sys.exit(INTERRUPTED)
        case BrokenPipeError():
            # `ringfence calls | head` is a normal end; nothing is left to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        case click.ClickException():
            text, code = error.format_message(), error.exit_code
        case SettingsRefused():
            text, code = str(error), WRONG_USE
        case _:
            raise error
    if isinstance(error, click.UsageError) and error.ctx:
        text = f"{text.rstrip('.')} (see `{error.ctx.command_path} --help`)"
    click.echo(f"ringfence: {one_line(' '.join(text.split()))}", err=True)
    sys.exit(code)
