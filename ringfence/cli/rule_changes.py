"""`ringfence rule add|set|remove|enable|disable`: what changes rules, signed and with the new
version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from ringfence.cli.invocation import Command, Invocation, print_json
from ringfence.cli.rule_flags import rule_flags, rule_of
from ringfence.cli.rule_views import conditions, deed
from ringfence.cli.session import Store, open_store, run
from ringfence.cli.signature import expecting, signed
from ringfence.rules import Rule
from ringfence.rules.compile import compile_rules

_SOURCE = click.argument("source", metavar="[FILE|-]", default="")
_ID = click.argument("rule_id", metavar="ID")


@click.command("add", cls=Command)
@_ID
@_SOURCE
@rule_flags
@signed
@click.pass_obj
def add(invocation: Invocation, /, rule_id: str, source: str, **flags: Any) -> None:
    """Add a rule, from flags or from JSON. An existing id is refused.

    Every condition that is given must be met. Each may be repeated, then one of its values is
    enough; ! in front of a value excludes it, and ~ begins a pattern (RE2), sought anywhere in
    the text or in a number as +12025550123. Calls meet the rules lowest priority first, then by
    id; flag and score go on to the next rule, the other actions end it.

    \b
    Examples:
      ringfence rule add premium --caller '+1900*' --action block --note 'ticket 17'
      ringfence rule add fast --rate '30 in 60s per caller' --action block --also caught:1h
      ringfence rule add gateway --attestation C --action challenge --basis analytics
      ringfence rule add near --caller neighbour --caller '!@known' --action score --points 20
    """
    run(_write(invocation, rule_id, source, flags, only_new=True))


@click.command("set", cls=Command)
@_ID
@_SOURCE
@rule_flags
@expecting
@signed
@click.pass_obj
def set_(invocation: Invocation, /, rule_id: str, source: str, expect: str, **flags: Any) -> None:
    """Put a rule in the place of the one with this id, or add it; flags as those of `add`.

    With --expect it is refused where somebody else has changed the rule since you saw it.

    \b
    Example:
      ringfence rule show premium --json | ringfence rule set premium -
      ringfence rule set premium premium.json --expect 3f1c9a07be42 --why 'ticket 18'
    """
    run(_write(invocation, rule_id, source, flags, expect=expect))


async def _write(
    invocation: Invocation,
    rule_id: str,
    source: str,
    flags: dict[str, Any],
    *,
    only_new: bool = False,
    expect: str = "",
) -> None:
    signature = invocation.signature
    rule = rule_of(rule_id, source, flags, signature.who, datetime.now(UTC))
    async with open_store(invocation.settings, signature) as store:
        done = await store.writer.set_rule(rule_id, rule, only_new=only_new, expect=expect)
        missing = await _missing_lists(store, rule)
    if invocation.json:
        print_json({"id": rule_id, "result": str(done.result), "version": done.version,
                    "missing_lists": missing})  # fmt: skip
        return
    said = f"rule {rule_id} {done.result}, version {done.version}"
    click.echo(f"{said}: {deed(rule)} {conditions(rule)}")
    for name in missing:
        click.echo(f"note: there is no list {name} yet: ringfence list add {name} NUMBER", err=True)


async def _missing_lists(store: Store, rule: Rule) -> list[str]:
    named = sorted(compile_rules([rule]).list_names)
    return [name for name in named if not await store.reader.list_size(name)]


@click.command("remove", cls=Command)
@click.argument("rule_ids", metavar="ID...", nargs=-1, required=True)
@expecting
@signed
@click.pass_obj
def remove(invocation: Invocation, rule_ids: tuple[str, ...], expect: str) -> int:
    """Remove rules, refused ones too. `ringfence rule undo` brings one back.

    \b
    Example:
      ringfence rule remove premium --why 'ticket 17 is closed'
      ringfence rule remove premium --expect 3f1c9a07be42
    """
    if expect and len(rule_ids) > 1:
        raise click.UsageError("--expect goes with one rule")

    async def work() -> dict[str, bool]:
        async with open_store(invocation.settings, invocation.signature) as store:
            return {
                rule_id: await store.writer.remove_rule(rule_id, expect=expect)
                for rule_id in rule_ids
            }

    removed = run(work())
    if invocation.json:
        print_json([{"id": rule_id, "removed": done} for rule_id, done in removed.items()])
    else:
        for rule_id, done in removed.items():
            said = f"rule {rule_id} removed" if done else _nothing(rule_id)
            click.echo(said, err=not done)
    return 0 if all(removed.values()) else 1


def _nothing(rule_id: str) -> str:
    return f"ringfence: no rule {rule_id}: `ringfence rule list` shows them"


@click.command("enable", cls=Command)
@_ID
@expecting
@signed
@click.pass_obj
def enable(invocation: Invocation, rule_id: str, expect: str) -> None:
    """Switch a rule on again.

    \b
    Example:
      ringfence rule enable premium
    """
    run(_switch(invocation, rule_id, expect, on=True))


@click.command("disable", cls=Command)
@_ID
@expecting
@signed
@click.pass_obj
def disable(invocation: Invocation, rule_id: str, expect: str) -> None:
    """Switch a rule off and keep it.

    \b
    Example:
      ringfence rule disable premium --why 'it hit a hospital'
    """
    run(_switch(invocation, rule_id, expect, on=False))


async def _switch(invocation: Invocation, rule_id: str, expect: str, *, on: bool) -> None:
    async with open_store(invocation.settings, invocation.signature) as store:
        done = await store.writer.enable_rule(rule_id, on, expect=expect)
    if invocation.json:
        print_json({"id": rule_id, "enabled": on, "result": str(done.result),
                    "version": done.version})  # fmt: skip
    else:
        click.echo(f"rule {rule_id} is {'on' if on else 'off'}, version {done.version}")
