"""Owns how the lab's child processes start and stop; it must not know what they do.

A child dies with its owner, whatever kills the owner: the kernel sends it SIGKILL when the
*thread* that started it ends. So start children on a thread that lives as long as they shall.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

# setpriv sets the death signal and executes the rest. It does what a preexec_fn would do, without
# running Python between fork and exec, which is unsafe in an owner that has threads.
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


def start(command: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a child in its own session, so that Ctrl-C reaches the owner alone."""
    with output.open("ab") as sink:
        return subprocess.Popen(
            [*_DIES_WITH_US, *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run(
    command: Sequence[str], timeout: float, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a child to its end, within a time limit, and give back what it printed."""
    return subprocess.run(
        [*_DIES_WITH_US, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        env=None if environment is None else {**os.environ, **environment},
        start_new_session=True,
    )


def stop(child: subprocess.Popen[bytes], patience: float = 3.0) -> None:
    """Ask a child to end, and make it end when it does not within `patience` seconds."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait(patience)


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a child that has nothing to put in order."""
    child.kill()
    child.wait()


def kill_those_that_name(path: Path, root: Path) -> None:
    """Kill what a dead owner left: processes inside `root` with `path` on their command line."""
    wanted = os.fsencode(path)
    for pid in _processes_in(root):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if any(part.startswith(wanted + b"/") for part in command.split(b"\0")):
                os.kill(pid, signal.SIGKILL)


def _processes_in(root: Path) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "root").readlink() == root:
                    yield int(entry.name)
