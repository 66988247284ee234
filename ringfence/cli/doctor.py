"""`ringfence doctor`: shows what the doctor found."""

from __future__ import annotations

import click

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.output import print_table
from ringfence.cli.session import run
from ringfence.doctor import State, examine


@click.command("doctor", cls=Command)
@click.pass_obj
def command(invocation: Invocation) -> int:
    """Check Redis, rules, doors and Asterisk, and say how to mend what is wrong.

    Changes nothing and takes a few seconds at most. Exit code 1 where anything fails.

    \b
    Example:
      ringfence doctor
    """
    findings = run(examine(invocation.settings))
    failed = sum(finding.state is State.FAIL for finding in findings)
    if invocation.json:
        print_json({"failed": failed, "findings": [finding._asdict() for finding in findings]})
    else:
        print_table(
            ("part", "state", "what", "how to mend it"),
            ((f.part, str(f.state), f.what, f.mend) for f in findings),
        )
        if failed:
            click.echo(f"{failed} of {len(findings)} checks failed", err=True)
    return 1 if failed else 0
