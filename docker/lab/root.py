"""Owns the root folder with Debian's Asterisk and SIPp; it must not know how a lab uses it.

The folder is built once into a cache and is replaced when the recipe changes. It appears under
its name only when it is complete, so an interrupted build leaves nothing that looks finished.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from lab import process
from lab.errors import LabError

SUITE = "forky"
PACKAGES = ("asterisk", "sip-tester", "redis-tools")
# A mirror's Release file may be past its Valid-Until date, which is no reason not to have a lab.
APT_OPTIONS = (
    'Acquire::Check-Valid-Until "false"',
    'APT::Install-Recommends "false"',
    'Acquire::Retries "3"',
)
# Manuals are a third of the files and nobody reads them in here. Asterisk's own reference under
# /usr/share/asterisk stays: its applications are registered from it.
DPKG_OPTIONS = tuple(
    f"path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info")
)
NEEDED_BYTES = 1_500_000_000
STAMP = ".ringfence-lab"


def cache_dir() -> Path:
    """Where the root folder is kept: `.cache/lab` of the checkout, or $RINGFENCE_LAB_CACHE."""
    chosen = os.environ.get("RINGFENCE_LAB_CACHE")
    return Path(chosen).resolve() if chosen else Path(__file__).parents[2] / ".cache" / "lab"


def recipe_stamp(more: tuple[str, ...] = ()) -> str:
    recipe = repr((SUITE, (*PACKAGES, *more), APT_OPTIONS, DPKG_OPTIONS))
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def is_built(root: Path, more: tuple[str, ...] = ()) -> bool:
    try:
        return (root / STAMP).read_text().strip() == recipe_stamp(more)
    except OSError:
        return False


def ensure_root(more: tuple[str, ...] = (), name: str = "") -> Path:
    """Give back the root folder, and build it first when it is missing or of another recipe.

    With `more` packages it is another folder, beside the lab's own under that `name`.
    """
    cache = cache_dir() / name
    root = cache / "root"
    if is_built(root, more):
        return root
    if os.geteuid() != 0:
        raise LabError("the lab needs root (it builds and enters a root folder): run it with sudo")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "build.lock").open("w") as lock:
        _lock_patiently(lock)
        if not is_built(root, more):  # another builder may have been faster
            _build(root, more)
    return root


@contextlib.contextmanager
def in_use(root: Path) -> Iterator[None]:
    """Hold the root folder, so that a builder with a newer recipe does not take it away."""
    with (root.parent / "use.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _lock_patiently(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say("another build is under way, waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _build(root: Path, more: tuple[str, ...]) -> None:
    began = time.monotonic()
    if shutil.disk_usage(root.parent).free < NEEDED_BYTES:
        raise LabError(f"not enough room in {root.parent}: the lab needs 1.5 GB free there")
    # Held from the beginning: who may not replace the folder should not spend a minute building.
    with _nobody_in(root):
        for leftover in root.parent.glob("building-*"):
            _remove(leftover)
        _install_mmdebstrap()
        mirror = _mirror()
        packages = (*PACKAGES, *more)
        _say(f"building Debian {SUITE} with {', '.join(packages)} (under a minute, only once)")
        building = root.parent / f"building-{os.getpid()}"
        try:
            _bootstrap(mirror, building, packages)
            (building / STAMP).write_text(recipe_stamp(more) + "\n")
            _remove(root)
            building.rename(root)
        finally:
            _remove(building)
    _say(f"root folder ready in {time.monotonic() - began:.0f} s: {root}")


@contextlib.contextmanager
def _nobody_in(root: Path) -> Iterator[None]:
    with (root.parent / "use.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                f"a lab still runs in {root}, which is out of date: stop it, then try again"
            ) from None
        yield


def _bootstrap(mirror: str, target: Path, packages: Sequence[str]) -> None:
    # mmdebstrap forks; in a process namespace of its own the whole family ends with the first.
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(packages)}"]
    command += [f"--aptopt={option}" for option in APT_OPTIONS]
    command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    command += [SUITE, str(target), f"deb {mirror} {SUITE} main"]
    try:
        done = process.run(command, timeout=900)
    except subprocess.TimeoutExpired:
        raise LabError("mmdebstrap took over 15 minutes: is the Debian mirror reachable?") from None
    if done.returncode == 0:
        return
    said = [line for line in done.stderr.splitlines() if line[:3] in ("E: ", "W: ")]
    # apt's own reason stands before mmdebstrap's, which only names the command that failed
    why = [line[3:] for line in said if "Fail" in line or "Could not" in line] or said or ["?"]
    if "No space left" in done.stderr:
        raise LabError(f"the disk is full: free 1.5 GB at {target.parent}, then try again")
    reason = why[0].removeprefix("E: ")
    raise LabError(f"mmdebstrap failed, check network and apt's mirror: {reason}")


def _mirror() -> str:
    """The Debian mirror this machine itself uses, so that no address is written down here."""
    found = _apt_mirror()
    if found is None:
        _say("apt knows no package lists yet, running apt-get update")
        process.run(["apt-get", "update"], timeout=300)
        found = _apt_mirror()
    if found is None:
        raise LabError("apt has no Debian mirror: mend /etc/apt/sources.list, run apt-get update")
    return found


def _apt_mirror() -> str | None:
    wanted = "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(IDENTIFIER)"
    listed = process.run(["apt-get", "indextargets", "--format", wanted], timeout=60)
    for line in listed.stdout.splitlines():
        address, _, kind = line.partition("|")
        if kind == "Debian|Debian|Packages":
            return address
    return None


def _install_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    _say("installing mmdebstrap")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap"]
    if process.run(install, timeout=300, environment=quiet).returncode == 0:
        return
    process.run(["apt-get", "update"], timeout=300)
    if process.run(install, timeout=300, environment=quiet).returncode != 0:
        raise LabError("mmdebstrap is missing and apt-get cannot install it: install it by hand")


def _remove(folder: Path) -> None:
    # One file system only: should a killed build have left /proc or /sys mounted in there, they
    # are not ours to empty.
    if folder.exists():
        process.run(["rm", "-rf", "--one-file-system", "--", str(folder)], timeout=120)


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)
