"""Owns one running Asterisk with its callee; it must not know who calls, or what screens."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from lab import process, root, settings, slots, tls, trunks
from lab.errors import LabError
from lab.sip import SipCaller
from lab.sipp import ReceivedCall, SippResult, received_calls, run_caller, start_callee

if TYPE_CHECKING:  # it needs `cryptography`, which a lab without signatures does not
    from lab.shaken import Shaken

USERNAME = "lab"


class Lab:
    """A real Asterisk with its own addresses and folders, from `with` to the end of it.

    Start it on a thread that lives as long as the lab shall (see `lab.process`).
    """

    def __init__(
        self,
        root_folder: Path | None = None,
        *,
        dialplan: Path | None = None,
        globals: Mapping[str, str] | None = None,
        extra_dialplan: str = "",
        extra_pjsip: str = "",
        extra_modules: Iterable[str] = (),
        extra_trunks: Iterable[trunks.Trunk] = (),
        set_var: Mapping[str, Mapping[str, str]] | None = None,
        files: Mapping[str, str] | None = None,
        shaken: "Shaken | None" = None,
        beside: Callable[["Lab"], contextlib.AbstractContextManager[object]] | None = None,
        slot: int | None = None,
        purpose: str = "test",
        verbose: int = 3,
        start_timeout: float = 30.0,
    ) -> None:
        self._root_folder = root_folder
        self._wanted_slot = slot
        self._purpose = purpose
        self._start_timeout = start_timeout
        self._shaken = shaken
        # Entered when the lab's folders and files are there and before Asterisk starts, left when
        # Asterisk has ended: for what it shall find when it starts.
        self._beside = beside
        self.settings = settings.Settings(
            dialplan=dialplan,
            globals=dict(globals or {}),
            extra_dialplan=extra_dialplan,
            extra_pjsip=extra_pjsip,
            extra_modules=tuple(extra_modules),
            trunks=(*trunks.STANDARD, *extra_trunks, *([shaken.trunk] if shaken else ())),
            signer_roots=shaken.roots_pem if shaken else "",
            set_var=dict(set_var or {}),
            files=dict(files or {}),
            verbose=verbose,
        )
        self.ari_username = self.ami_username = USERNAME
        self.ari_password = self.ami_password = secrets.token_hex(12)
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise LabError("the lab needs root (it enters a root folder): run it with sudo")
        # A half-started lab is undone: what is on the stack so far is unwound on any exception.
        with contextlib.ExitStack() as stack:
            stack.enter_context(_sigterm_unwinds())
            self.root = (self._root_folder or root.ensure_root()).resolve()
            stack.enter_context(root.in_use(self.root))
            self.slot = stack.enter_context(slots.claimed(self._wanted_slot))
            slots.note_owner(self.slot, self._purpose)
            if self._shaken is not None:
                stack.enter_context(self._shaken.serving(self.address(9)))
            self.inside = f"/lab/{self.slot.number}"
            self.home = self.root / self.inside[1:]
            self._clear_home()
            stack.callback(self._clear_home)
            self._prepare()
            if self._beside is not None:
                stack.enter_context(self._beside(self))
            began = time.monotonic()
            self.asterisk = self._start_asterisk()
            stack.callback(process.stop, self.asterisk)
            self.callee = start_callee(self.root, self.inside, self.callee_address)
            stack.callback(process.kill, self.callee)
            self._wait_until_booted(began + self._start_timeout)
            self.start_seconds = time.monotonic() - began
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def address(self, host: int | str) -> str:
        """A loopback address of this lab: of a trunk by its name, or by its last part."""
        if isinstance(host, int):
            return self.slot.address(host)
        for trunk in self.settings.trunks:
            if trunk.name == host:
                return self.slot.address(trunk.host)
        names = ", ".join(trunk.name for trunk in self.settings.trunks)
        raise LabError(f"the lab has no trunk {host}: choose one of {names}")

    @property
    def shaken(self) -> "Shaken":
        """The signers of this lab's calls."""
        if self._shaken is None:
            raise LabError("this lab has no signers: start it with Lab(shaken=Shaken())")
        return self._shaken

    @property
    def asterisk_address(self) -> str:
        return self.address(1)

    @property
    def callee_address(self) -> str:
        return self.address(10)

    @property
    def ari_url(self) -> str:
        return f"http://{self.asterisk_address}:8088/ari"

    @property
    def ami_host(self) -> str:
        return self.asterisk_address

    @property
    def ami_port(self) -> int:
        return 5038

    def caller(self, trunk: str = "carrier-a") -> SipCaller:
        """A caller on that trunk: `async with lab.caller() as caller: await caller.call(...)`."""
        return SipCaller(self.address(trunk), (self.asterisk_address, 5060))

    def sipp(self, *, trunk: str = "carrier-a", caller: str, called: str,
             talk: float = 0.2, calls: int = 1, rate: float = 10.0,
             timeout: float = 30.0) -> SippResult:  # fmt: skip
        """Place calls with SIPp, which shares no code with SipCaller."""
        return run_caller(
            self.root, self.inside, self.address(trunk), self.asterisk_address,
            caller=caller, called=called, talk=talk, calls=calls, rate=rate, timeout=timeout,
        )  # fmt: skip

    def received(self) -> list[ReceivedCall]:
        """The calls that reached the callee so far, in their order."""
        return received_calls(self.root, self.inside)

    def rx(self, command: str, timeout: float = 10.0) -> str:
        """What Asterisk's command line answers."""
        done = process.run([*self._asterisk_command(), "-rx", command], timeout)
        if done.returncode != 0:
            raise LabError(
                f"Asterisk did not run {command!r}: {done.stderr or done.stdout}".strip()
            )
        return done.stdout

    def reload_dialplan(
        self, *, globals: Mapping[str, str] | None = None, extra_dialplan: str | None = None
    ) -> None:
        """Read the dialplan under test again, with other globals or contexts if given."""
        if globals is not None:
            self.settings.globals = dict(globals)
        if extra_dialplan is not None:
            self.settings.extra_dialplan = extra_dialplan
        settings.write_dialplan(self.settings, self.home / "etc")
        self.rx("dialplan reload")

    def log_tail(self, lines: int = 30) -> str:
        """The end of Asterisk's log, for the message of a failed test."""
        kept: list[str] = []
        for name in ("stdout", "full.log"):
            path = self.home / "log" / name
            if path.exists():
                kept += path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(kept)

    def played(self) -> list[str]:
        """Each sound that Asterisk began to play so far: ``digits/4``."""
        path = self.home / "log" / "full.log"
        logged = path.read_text(errors="replace") if path.exists() else ""
        return re.findall(r"> Playing '([^' ]+)\.\w+' ", logged)

    def warnings(self) -> list[str]:
        """Each warning and error Asterisk has logged so far."""
        path = self.home / "log" / "messages.log"
        logged = path.read_text(errors="replace").splitlines() if path.exists() else []
        return [line for line in logged if "] WARNING[" in line or "] ERROR[" in line]

    def _asterisk_command(self) -> list[str]:
        config = f"{self.inside}/etc/asterisk.conf"
        return ["chroot", str(self.root), "/usr/sbin/asterisk", "-C", config]

    def _prepare(self) -> None:
        for name in ("etc", "var/keys", "spool", "run", "log", "cache", "agi-bin"):
            (self.home / name).mkdir(parents=True)
        _name_this_machine(self.root / "etc" / "hosts")
        settings.write_all(
            self.settings, self.slot, self.inside, self.home / "etc",
            _module_dir(self.root), self.ari_password,
        )  # fmt: skip

    def _start_asterisk(self) -> "subprocess.Popen[bytes]":
        command = [*self._asterisk_command(), "-f", "-n"]
        if pem := self.settings.signer_roots:
            command = tls.trusting(pem, self.home / "etc" / "tls", self.root, command)
        return process.start(command, self.home / "log" / "stdout")

    def _wait_until_booted(self, deadline: float) -> None:
        # `-rx` fails until Asterisk's control socket listens, and waits from then on.
        control = self.home / "run" / "asterisk.ctl"
        while time.monotonic() < deadline:
            if self.asterisk.poll() is not None:
                raise LabError(f"Asterisk ended while it started:\n{self.log_tail()}")
            if control.exists() and self._says_it_is_booted(deadline - time.monotonic()):
                break
            time.sleep(0.02)
        else:
            raise LabError(
                f"Asterisk did not start within {self._start_timeout:.0f} s:\n{self.log_tail()}"
            )
        if self.callee.poll() is not None:
            said = (self.home / "log" / "callee").read_text(errors="replace")
            raise LabError(f"the callee's SIPp ended while it started:\n{said}")

    def _says_it_is_booted(self, patience: float) -> bool:
        # The words count, not the status: that is 0 as well when Asterisk goes away meanwhile.
        try:
            return "fully booted" in self.rx("core waitfullybooted", max(0.1, patience))
        except (LabError, subprocess.TimeoutExpired):
            return False

    def _clear_home(self) -> None:
        process.kill_those_that_name(Path(self.inside), self.root)
        if self.home.exists():
            shutil.rmtree(self.home)


def _module_dir(root_folder: Path) -> str:
    for found in (root_folder / "usr/lib").glob("*/asterisk/modules"):
        return f"/{found.relative_to(root_folder)}"
    raise LabError(f"no Asterisk in {root_folder}: remove that folder, then `python -m lab build`")


def _name_this_machine(hosts: Path) -> None:
    # Asterisk looks its own host name up for every call; unknown, that takes 5 s each time. The
    # name may have changed since the root folder was built, and several labs share the file.
    text = f"127.0.0.1 localhost {socket.gethostname()}\n::1 ip6-localhost\n"
    if not hosts.exists() or hosts.read_text() != text:
        fresh = hosts.with_name(f"hosts-{secrets.token_hex(4)}")
        fresh.write_text(text)
        fresh.replace(hosts)


@contextlib.contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    # Python's default for SIGTERM ends the process without leaving any `with`. An owner with a
    # handler of its own keeps it.
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
