"""`ringfence provider`: the register of upstream providers and customers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from ringfence.cli import provider_views as views
from ringfence.cli.history import history_command, undo_command
from ringfence.cli.invocation import Group, Invocation, print_json
from ringfence.cli.output import print_details, print_table
from ringfence.cli.provider_facts import glance_at, read_register
from ringfence.cli.provider_flags import CLEARED, provider_flags, provider_of
from ringfence.cli.refusals import Refused
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.signature import expecting, signed
from ringfence.providers.model import Provider, decode_provider
from ringfence.store.writing.history import version_of
from ringfence.store.writing.writer import Stored

_ID = click.argument("provider_id", metavar="ID")


@click.group("provider", cls=Group)
def command() -> None:
    """Who the calls come from: gateways, peers and customers, and by what they are known.

    A trunk that is listed here is that provider's for rules too, unless its own settings name
    another.
    """


command.add_command(history_command("provider", "example-gateway"))
command.add_command(undo_command("provider", "example-gateway"))


@command.command("add")
@_ID
@provider_flags
@signed
@click.pass_obj
def add(invocation: Invocation, /, provider_id: str, **flags: Any) -> None:
    """Put a provider into the register.

    \b
    Example:
      ringfence provider add example-gateway --name 'Example Gateway, Inc.' --role gateway \\
        --trunk gateway-c --address 192.0.2.0/24 --signer 818H --rmd RMD0001234 \\
        --contact 'name=Ann Lee; role=traceback; email=noc@example.com'
    """

    async def work() -> tuple[Stored, list[str]]:
        async with open_store(invocation.settings, invocation.signature) as store:
            provider = _by(invocation, provider_of(Provider(), flags))
            done = await store.writer.set_provider(provider_id, provider, only_new=True)
            return done, await _notes(store, provider_id)

    _tell(invocation, provider_id, *run(work()))


@command.command("set")
@_ID
@provider_flags
@click.option("--clear", multiple=True, type=click.Choice(CLEARED), help="Forget these first.")
@expecting
@signed
@click.pass_obj
def set_(
    invocation: Invocation, /, provider_id: str, clear: tuple[str, ...], expect: str, **flags: Any
) -> None:
    """Change what is given and leave the rest as it is.

    What may be there several times takes the place of all that was there of it.

    \b
    Example:
      ringfence provider set example-gateway --trunk gateway-c --trunk gateway-d
    """

    async def work() -> tuple[Stored, list[str]]:
        async with open_store(invocation.settings, invocation.signature) as store:
            old = (await store.reader.providers()).get(provider_id)
            if old is None:
                raise _nobody(provider_id)
            try:
                provider = decode_provider(provider_id, old)
            except ValueError:
                provider = Provider()  # refused as it is: what is set now takes its place
            provider = _by(invocation, provider_of(provider, flags, clear))
            seen = expect or version_of(old)
            done = await store.writer.set_provider(provider_id, provider, expect=seen)
            return done, await _notes(store, provider_id)

    _tell(invocation, provider_id, *run(work()))


@command.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """All providers, with the notices that are open against them.

    \b
    Example:
      ringfence provider list
    """

    async def work() -> tuple[dict[str, bytes], Any]:
        async with open_store(invocation.settings) as store:
            return await store.reader.providers(), await read_register(store)

    providers, register = run(work())
    if invocation.json:
        print_json([views.document(*item) for item in providers.items()])
    elif not providers:
        click.echo("no provider is in the register: ringfence provider add", err=True)
    else:
        rows = (views.row(*item, register.notices) for item in providers.items())
        print_table(views.COLUMNS, rows)


@command.command("show")
@_ID
@click.pass_obj
def show(invocation: Invocation, provider_id: str) -> None:
    """A provider at a glance: status, notices, trunks, rules, the last day's calls, standing.

    \b
    Example:
      ringfence provider show example-gateway
    """
    now = datetime.now(UTC)

    async def work() -> tuple[bytes, views.Glance]:
        async with open_store(invocation.settings) as store:
            text = (await store.reader.providers()).get(provider_id)
            if text is None:
                raise _nobody(provider_id)
            register = await read_register(store)
            return text, await glance_at(store, invocation.settings, register, provider_id, now)

    text, glance = run(work())
    if invocation.json:
        print_json(views.document(provider_id, text, glance))
    else:
        print_details(views.details(provider_id, text, glance, now))


@command.command("remove")
@_ID
@expecting
@signed
@click.pass_obj
def remove(invocation: Invocation, provider_id: str, expect: str) -> None:
    """Take a provider out of the register, if no notice against it is open.

    \b
    Example:
      ringfence provider remove example-gateway
    """

    async def work() -> bool:
        async with open_store(invocation.settings, invocation.signature) as store:
            for id, notice in (await read_register(store)).notices.items():
                if notice.provider == provider_id and notice.is_open:
                    raise Refused(f"notice {id} against it is open: resolve or lift it first")
            return await store.writer.remove_provider(provider_id, expect=expect)

    if not run(work()):
        raise _nobody(provider_id)
    if invocation.json:
        print_json({"provider": provider_id, "removed": True})
    else:
        click.echo(f"provider {provider_id} removed: its trunks are nobody's for rules")


async def _notes(store: Store, id: str) -> list[str]:
    found = (await read_register(store)).disputed(id)
    return [f"trunk {name}: {of.why}" for name, of in found.items()]


def _by(invocation: Invocation, provider: Provider) -> Provider:
    now = datetime.now(UTC).replace(microsecond=0)
    who = invocation.signature.who[:200]
    return msgspec.structs.replace(provider, added_by=who, added_at=now)


def _tell(invocation: Invocation, id: str, done: Stored, notes: list[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if invocation.json:
        print_json({"provider": id, "result": str(done.result), "version": done.version})
    else:
        click.echo(f"provider {id} {done.result}, version {done.version}")


def _nobody(id: str) -> Refused:
    return Refused(f"no provider {id[:64]}: `ringfence provider list` shows them")
