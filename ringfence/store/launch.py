"""Becomes the Valkey server after tying its life to its parent's; run as a script, never imported.

A script of its own instead of `preexec_fn`: code between fork and exec is unsafe where the parent
has threads. Start: ``python -I -S launch.py PARENT_PID PROGRAM ARGUMENT...``
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for SIGTERM at the parent's death, then become PROGRAM."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    os.umask(0o077)
    # Valkey shuts down in order on SIGTERM, with its append-only file complete.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    # A parent that died before the call above would never be noticed.
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
