"""`ringfence init`: the files that an Asterisk needs, in a folder; tells what goes where."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import click

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.refusals import Refused
from ringfence.cli.snippets import Setup, Written, all_files
from ringfence.config import DEFAULT_AGI_BIND, Address, SettingsRefused, parse_address

SETTINGS = Path("/etc/ringfence/ringfence.toml")


@click.command("init", cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--agi", default=DEFAULT_AGI_BIND, show_default=True, metavar="HOST:PORT",
              help="Where the FastAGI door listens.")  # fmt: skip
@click.option("--ari", default="http://127.0.0.1:8088/ari", show_default=True, metavar="URL",
              help="Where Asterisk's ARI is.")  # fmt: skip
@click.option("--ami", default="127.0.0.1:5038", show_default=True, metavar="HOST:PORT",
              help="Where Asterisk's manager interface is.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite files, with new passwords.")
@click.pass_obj
def command(
    invocation: Invocation, folder: Path, agi: str, ari: str, ami: str, force: bool
) -> None:
    """Write the dialplan include, Asterisk's snippets and Ringfence's settings into DIR.

    Passwords are made up; the same ones stand in Asterisk's files and in ringfence.toml.

    \b
    Example:
      ringfence init /etc/asterisk
    """
    setup = _setup(agi, ari, ami)
    wanted = all_files(setup)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [file.name for file in wanted if (folder / file.name).exists()]
        if there and not force:
            raise Refused(
                f"{folder} has {', '.join(there)} already: nothing is written; --force overwrites, "
                "with new passwords"
            )
        for file in wanted:
            _write(folder, file)
    except OSError as error:
        raise Refused(f"{error.filename or folder}: {error.strerror}") from None
    steps = _steps(folder, setup)
    if invocation.json:
        names = [str(folder / file.name) for file in wanted]
        print_json({"folder": str(folder), "files": names, "steps": steps})
        return
    click.echo(f"Written into {folder}: {', '.join(file.name for file in wanted)}")
    for number, step in enumerate(steps, 1):
        click.echo(f"\n{number}. " + step.replace("\n", "\n   "))


def _setup(agi: str, ari: str, ami: str) -> Setup:
    url = urlsplit(ari)
    try:
        ip_address(url.hostname or "")
        at = parse_address("--ami", ami)
        ip_address(at.host)
        _ = url.port
    except SettingsRefused as error:
        raise click.UsageError(str(error)) from None
    except ValueError:
        raise click.UsageError(
            "--ari and --ami take addresses, not names, as Asterisk binds to them: "
            "http://127.0.0.1:8088/ari and 127.0.0.1:5038"
        ) from None
    try:
        bind = parse_address("--agi", agi)
    except SettingsRefused as error:
        raise click.UsageError(str(error)) from None
    # long, and free of anything that Asterisk's or TOML's files give a meaning to
    return Setup(bind, ari, secrets.token_hex(16), at, secrets.token_hex(16))


def _write(folder: Path, file: Written) -> None:
    path = folder / file.name
    mode = 0o600 if file.secret else 0o644
    beside = folder / f".{file.name}.{secrets.token_hex(4)}"
    try:
        # never readable for others, not even for a moment
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(file.text)
            os.fchmod(out.fileno(), mode)
        if os.geteuid() == 0:
            owner = folder.stat()
            os.chown(beside, owner.st_uid, owner.st_gid)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _steps(folder: Path, setup: Setup) -> Sequence[str]:
    folder = folder.resolve()
    at_asterisk, at_ours = folder == Path("/etc/asterisk"), folder == SETTINGS.parent
    copy = "" if at_asterisk else f"cp {folder}/ringfence*.conf /etc/asterisk/\n"
    globals_needed = "" if setup.agi == parse_address("", DEFAULT_AGI_BIND) else (
        f"\n[globals]\nRINGFENCE_AGI = agi://{_reached(setup.agi)}/screen"
    )  # fmt: skip
    steps = [
        f"{copy}Two of them have passwords in them and are readable for their owner only:\n"
        "chown asterisk: /etc/asterisk/ringfence-ari.conf /etc/asterisk/ringfence-manager.conf",
        "At the end of http.conf, ari.conf and manager.conf in /etc/asterisk, a line each:\n"
        "#include ringfence-http.conf\n#include ringfence-ari.conf\n"
        "#include ringfence-manager.conf",
        f"In extensions.conf, with your own context and Dial:\n#include ringfence.conf"
        f"{globals_needed}\n[from-trunk]\n"
        "exten => _X.,1,Gosub(ringfence,screen,1(${EXTEN}))\n same => n,Dial(...)",
        f"install -D -m 600 {folder}/ringfence.toml {SETTINGS}",
        "asterisk -rx 'core reload'",
        "ringfence serve",
        "ringfence doctor",
    ]
    return [step for step in steps if not (at_ours and step.startswith("install"))]


def _reached(bind: Address) -> Address:
    # what listens everywhere is reached on loopback
    return bind._replace(host="127.0.0.1") if bind.host in ("0.0.0.0", "::") else bind
