"""The `ringfence` command: for admins at a shell, and for scripts (`--json`, exit codes).

`app` is the entry and knows all commands by name; each is imported only when it is called, so
that `ringfence --help` does not wait for libraries it has no use for. `invocation` has what all
commands share (`--config`, `--json`), `session` opens the store, `output` prints, `refusals` ends
a command with one line and an exit code: 0 fine, 1 refused or nothing found, 2 wrong use.
This is the only package that may import the doors.
"""

from ringfence.cli.app import main

__all__ = ["main"]
