"""One `ringfence serve` as a real process, seen from outside as an admin sees it.

Starts, freezes and kills it, talks to it by command and by `redis-cli`, and reads what it logged.
It knows nothing of what is played.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab import Lab, process

HERE = Path(__file__).resolve().parent.parent
START_SECONDS = 20.0


class StageError(Exception):
    """What did not come up, and the end of its log."""


class Ringfence:
    """One `ringfence serve` with its state directory, seen from outside."""

    def __init__(self, lab: Lab, state: Path, environment: Mapping[str, str]) -> None:
        self.state = state
        self.log_path = state.parent / f"{state.name}.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "RINGFENCE_CONFIG": str(_empty_file(state.parent / "none.toml")),
            "RINGFENCE_STATE_DIR": str(state),
            "RINGFENCE_LOG_FORMAT": "json",
            "RINGFENCE_AGI_BIND": f"{lab.asterisk_address}:4573",
            "RINGFENCE_ARI_URL": lab.ari_url,
            "RINGFENCE_ARI_USERNAME": lab.ari_username,
            "RINGFENCE_ARI_PASSWORD": lab.ari_password,
            "RINGFENCE_AMI_HOST": lab.ami_host,
            "RINGFENCE_AMI_PORT": str(lab.ami_port),
            "RINGFENCE_AMI_USERNAME": lab.ami_username,
            "RINGFENCE_AMI_PASSWORD": lab.ami_password,
            **environment,
        }
        self.on_admin: Callable[[str], None] = lambda typed: None
        self.command_prefix: tuple[str, ...] = ()
        self._lab = lab
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, in_step: bool = True) -> None:
        """Start `ringfence serve` and wait until its doors are open.

        With `in_step` also until all rules have come from Redis.
        """
        began = len(self.log())
        with _readiness_socket(self.state.parent) as (path, ready):
            with self.log_path.open("ab") as sink:
                self._child = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "ringfence.cli",
                     "serve", *arguments],
                    stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                    env={**self.environment, "NOTIFY_SOCKET": path},
                    start_new_session=True, cwd=HERE,
                )  # fmt: skip
            until = time.monotonic() + START_SECONDS
            while not _is_ready(ready):
                if self._child.poll() is not None or time.monotonic() > until:
                    raise StageError(f"`ringfence serve` did not get ready:\n{self.log_tail()}")
        self.wait_until(lambda: "ringfence" in self._lab.rx("ari show apps"), "the ARI door")
        if in_step:
            self.wait_until(lambda: "in step with Redis" in self._said(began), "the rules in force")

    @property
    def pid(self) -> int:
        if self._child is None:
            raise StageError("Ringfence has not been started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """SIGTERM, as systemd would."""
        if self._child is not None:
            process.stop(self._child, patience=10.0)

    def kill(self) -> None:
        """SIGKILL: no farewell."""
        if self._child is not None:
            process.kill(self._child)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for a while: alive, its ports open, and silent."""
        with frozen(self.pid):
            yield

    @property
    def valkey_pid(self) -> int:
        """The embedded Valkey's process."""
        return int(self.redis_info("server")["process_id"])

    def redis_info(self, section: str) -> dict[str, str]:
        lines = self.redis_cli("INFO", section).splitlines()
        return dict(line.strip().split(":", 1) for line in lines if ":" in line)

    @property
    def redis_cli_command(self) -> list[str]:
        """`redis-cli` at this Valkey, for a machine that need not have one."""
        root = self._lab.root
        # The lab's own redis-cli, started by its own loader: it needs no root folder to see ours.
        loader = next((root / "usr/lib").glob("*/ld-linux*.so*"))
        return [
            str(loader), "--library-path", str(loader.parent), str(root / "usr/bin/redis-cli"),
            "-s", str(self.state / "valkey.sock"),
        ]  # fmt: skip

    def redis_cli(self, *arguments: str) -> str:
        """What `redis-cli` answers: an admin's change by hand."""
        done = process.run([*self.redis_cli_command, *arguments], timeout=10.0)
        if done.returncode != 0 or done.stdout.startswith("ERR"):
            raise StageError(f"redis-cli {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def cli(
        self, *arguments: str, check: bool = True, seconds: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a `ringfence` command, for so many seconds at most."""
        done = subprocess.run(
            [*self.command_prefix, sys.executable, "-m", "ringfence.cli", *arguments],
            env=self.environment, cwd=HERE, capture_output=True, text=True, timeout=seconds,
            check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise StageError(f"ringfence {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done

    def cli_json(self, *arguments: str, check: bool = True) -> Any:
        """Run a `ringfence` command with --json and give back what it says."""
        return json.loads(self.cli(*arguments, "--json", check=check).stdout)

    def admin(self, *words: str) -> None:
        """What an admin types: ``rule add ID …``, shown, run, and waited for until in force."""
        self.on_admin(shlex.join(("ringfence", *words)))
        with self.in_force(words[2]):
            self.cli(*words)

    def admin_by_hand(self, *words: str) -> None:
        """What an admin types into `redis-cli`: ``HSET ringfence:rules ID JSON``; waited for."""
        self.on_admin(shlex.join(("redis-cli", *words)))
        with self.in_force(words[2]):
            self.redis_cli(*words)

    @contextlib.contextmanager
    def in_force(self, name: str, seconds: float = 10.0) -> Iterator[None]:
        """At the end, wait until the log says that a rule, list or trunk is in force as changed."""

        def times() -> int:
            return sum(
                name in line.get("changed", ())
                for line in self.log()
                if line.get("event", "").endswith("in force")
            )

        before = times()
        yield
        self.wait_until(lambda: times() > before, f"{name} in force", seconds)

    @contextlib.contextmanager
    def without_redis(self) -> Iterator[None]:
        """Valkey killed, and back again afterwards: Ringfence starts it anew by itself."""
        os.kill(self.valkey_pid, signal.SIGKILL)
        yield
        self.wait_until(self._redis_answers, "Valkey back again")

    def write_settings(self) -> Path:
        """The environment as a settings file, for commands typed in another terminal."""
        path = self.state.parent / "ringfence.toml"
        sections: dict[str, dict[str, str]] = {}
        for name, value in self.environment.items():
            if name.startswith("RINGFENCE_") and name not in ("RINGFENCE_CONFIG",):
                section, key = name.removeprefix("RINGFENCE_").lower().split("_", 1)
                sections.setdefault(section, {})[key] = value
        lines: list[str] = []
        for section, keys in sections.items():
            lines.append(f"[{section}]")
            lines += [
                f"{key} = {value if value.isdigit() else json.dumps(value)}"
                for key, value in keys.items()
            ]
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")
        return path

    def _redis_answers(self) -> bool:
        try:
            return self.redis_cli("PING") == "PONG"
        except (StageError, OSError):
            return False

    def _said(self, since: int) -> list[str]:
        return [line.get("event", "") for line in self.log()[since:]]

    def log(self) -> list[dict[str, Any]]:
        """Ringfence's own log so far."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def record(self, sip_call_id: str) -> dict[str, Any]:
        """The call log's record of a call, as soon as it is there."""
        return self.records([sip_call_id])[0]

    def records(self, sip_call_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of several calls, as soon as all are there."""
        found: dict[str, dict[str, Any]] = {}
        limit = str(len(sip_call_ids) + 50)

        def there() -> bool:
            newest = self.cli_json("calls", "--limit", limit, check=False) or []
            found.update((one.get("sip_call_id", ""), one) for one in newest)
            return found.keys() >= set(sip_call_ids)

        self.wait_until(there, f"the records of {', '.join(sip_call_ids)}")
        return [found[each] for each in sip_call_ids]

    def log_tail(self, lines: int = 15) -> str:
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
        """Poll until something holds; StageError with the log's end where it does not in time."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise StageError(f"{what}: not within {seconds:.0f} s\n{self.log_tail()}")
            time.sleep(0.02)


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process stopped with SIGSTOP for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def _readiness_socket(folder: Path) -> Iterator[tuple[str, socket.socket]]:
    path = folder / "notify.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(path))
        ready.settimeout(0.2)
        yield str(path), ready
    path.unlink(missing_ok=True)


def _empty_file(path: Path) -> Path:
    # so that no settings of this machine's own are read
    path.touch()
    return path


def _is_ready(ready: socket.socket) -> bool:
    try:
        return b"READY=1" in ready.recv(4096)
    except TimeoutError:
        return False
