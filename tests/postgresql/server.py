"""Owns a real PostgreSQL in a temporary folder, to be killed, stopped and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

PASSWORD = "s3cret/of:tests"
_INSTALLED = Path("/usr/lib/postgresql")
# A database that is lost with the machine: what is tried here are processes that die.
_SETTINGS = ("fsync=off", "shared_buffers=32MB", "max_connections=30", "autovacuum=off",
             "logging_collector=off", "lc_messages=C")  # fmt: skip


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there is no server to try."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresqlServer:
    """Listens on a socket in its own folder, and on nothing else."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._account = _account()
        # a short path: a unix socket's is limited to 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="rf-pg-"))
        if self._account:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self._data = self.folder / "data"
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "--no-sync", "--username=ringfence", "--encoding=UTF8", "--locale=C",
            "--auth=scram-sha-256", f"--pwfile={secret}", f"--pgdata={self._data}",
        )  # fmt: skip

    def url(self, *, schema: str = "", user: str = "ringfence", password: str = PASSWORD,
            database: str = "postgres") -> str:  # fmt: skip
        """For `calllog.archive`."""
        quoted = password.replace("/", "%2F").replace(":", "%3A")
        options = f"&options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://{user}:{quoted}@/{database}?host={self.folder}{options}"

    def start(self) -> None:
        """Start it where it does not run; ready when this returns."""
        if self.pid is None:
            options = " ".join(f"-c {each}" for each in _SETTINGS)
            self._run(
                "pg_ctl", "start", "--wait", "--timeout=30", f"--pgdata={self._data}",
                f"--log={self.folder / 'log'}",
                f"--options=-c listen_addresses='' -k {self.folder} {options}",
            )  # fmt: skip

    def stop(self) -> None:
        """An orderly end, which hangs up on everybody."""
        if self.pid is not None:
            self._run("pg_ctl", "stop", "--mode=fast", "--wait", f"--pgdata={self._data}")

    def kill(self) -> None:
        """All of it at once, as when the machine loses its power; the folder may be used again."""
        if (pid := self.pid) is None:
            return
        children = subprocess.run(
            ["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False
        )
        for each in (pid, *map(int, children.stdout.split())):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
            while not _is_dead(each):
                time.sleep(0.005)
        # nobody may be there who would take note of its end: then its number stays in use
        for lock in (self._data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def pause(self, *, on: bool) -> None:
        """Every process of it stands still, with its connections open; or goes on."""
        pid = self.pid
        children = subprocess.run(
            ["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False
        )
        for each in (pid, *map(int, children.stdout.split())):
            if each:
                os.kill(each, signal.SIGSTOP if on else signal.SIGCONT)

    def remove(self) -> None:
        """It ends, and its folder goes."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        """The first process of it, while it runs."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return None
        return pid

    def _run(self, name: str, *arguments: str) -> None:
        account = self._account
        done = subprocess.run(
            [str(self._binaries / name), *arguments],
            # of its own: what it starts stays, and nobody waits for it to close a pipe
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder, timeout=90,
            user=account.pw_uid if account else None, group=account.pw_gid if account else None,
            check=False, start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            log = self.folder / "log"
            said = log.read_text(errors="replace")[-2_000:] if log.exists() else ""
            raise RuntimeError(f"{name} failed: {said}")


def _is_dead(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def _account() -> pwd.struct_passwd | None:
    """Whom it runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
