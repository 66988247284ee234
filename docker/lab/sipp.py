"""Owns SIPp, as the callee that answers and as a caller; it must not know Asterisk's settings.

SIPp comes from the root folder. It shares no code with `lab.sip`, so each checks the other.
"""

import csv
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import process
from lab.errors import LabError

SCENARIOS = Path(__file__).parent / "scenarios"
# Long enough for a CANCEL to find the callee ringing, too short to be felt.
RING_MS = 20


@dataclass(frozen=True, slots=True)
class SippResult:
    """How a SIPp caller ended: 0 when every call went as its scenario says."""

    exit_status: int
    successful: int
    failed: int
    errors: str

    @property
    def ok(self) -> bool:
        return self.exit_status == 0 and self.failed == 0


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """What the callee saw of one call: what is left of the caller after screening."""

    call_id: str
    called: str
    from_header: str
    identity_header: str


def start_callee(root: Path, inside: str, address: str) -> "subprocess.Popen[bytes]":
    """Start the callee, which answers any number and echoes what it hears."""
    home = _home(root, inside)
    scenario = _scenario(home, "callee", ring=RING_MS)
    return process.start(
        [
            *_sipp(root), "-sf", f"{inside}/{scenario}", "-i", address, "-mi", address,
            "-p", "5060", "-mp", "6000", "-rtp_echo", "-nostdin", "-f", "3600",
            "-trace_err", "-error_file", f"{inside}/log/callee-errors",
            "-trace_logs", "-log_file", f"{inside}/log/callee-calls",
        ],
        home / "log" / "callee",
    )  # fmt: skip


def received_calls(root: Path, inside: str) -> list[ReceivedCall]:
    """The calls that reached the callee so far, in their order."""
    path = _home(root, inside) / "log" / "callee-calls"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [ReceivedCall(*line.split("|", 3)) for line in lines if line.count("|") >= 3]


def run_caller(
    root: Path, inside: str, address: str, asterisk: str, *,
    caller: str, called: str, talk: float, calls: int, rate: float, timeout: float,
) -> SippResult:  # fmt: skip
    """Place calls one after another at `rate` a second, each talking for `talk` seconds."""
    home = _home(root, inside)
    name = f"caller-{secrets.token_hex(4)}"
    speech = home / "var" / f"{name}.ulaw"
    speech.write_bytes(b"\xff" * 8000)
    scenario = _scenario(
        home, "caller", name, caller=caller, called=called, talk=int(talk * 1000),
        speech=f"{inside}/var/{speech.name}",
    )  # fmt: skip
    stats, errors = home / "log" / f"{name}.csv", home / "log" / f"{name}-errors"
    try:
        done = process.run(
            [
                *_sipp(root), f"{asterisk}:5060", "-sf", f"{inside}/{scenario}", "-i", address,
                "-mi", address, "-m", str(calls), "-r", f"{rate:g}", "-nostdin",
                "-trace_err", "-error_file", f"{inside}/log/{errors.name}",
                "-trace_stat", "-stf", f"{inside}/log/{stats.name}",
                "-timeout", f"{timeout:g}s", "-timeout_error",
            ],
            timeout + 10,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LabError(f"SIPp did not end within {timeout + 10:.0f} s") from None
    counted = _last_row(stats)
    said = errors.read_text(errors="replace") if errors.exists() else done.stderr
    return SippResult(
        exit_status=done.returncode,
        successful=int(counted.get("SuccessfulCall(C)", 0)),
        failed=int(counted.get("FailedCall(C)", 0)),
        errors=said,
    )


def _sipp(root: Path) -> list[str]:
    return ["chroot", str(root), "/usr/bin/sipp"]


def _home(root: Path, inside: str) -> Path:
    return root / inside.lstrip("/")


def _scenario(home: Path, name: str, saved_as: str | None = None, **values: str | int) -> str:
    """Put a scenario into the lab's folder with its own [words] filled in."""
    text = (SCENARIOS / f"{name}.xml").read_text()
    for word, value in values.items():
        text = text.replace(f"[{word}]", str(value))
    where = f"var/{saved_as or name}.xml"
    (home / where).write_text(text)
    return where


def _last_row(stats: Path) -> dict[str, str]:
    if not stats.exists():
        return {}
    with stats.open(newline="", errors="replace") as opened:
        rows = list(csv.DictReader(opened, delimiter=";"))
    return rows[-1] if rows else {}
