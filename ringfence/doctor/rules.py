"""Are the rules in Redis in force, and do the lists that they name exist? Writes nothing."""

from __future__ import annotations

from typing import NamedTuple

from ringfence.doctor.finding import Finding, Findings, fail, ok, warn
from ringfence.rules import Rule, RuleRefused, compile_rules, decode_rule
from ringfence.store.reader import Reader
from ringfence.trunk import decode_trunk
from ringfence.verdict import Action

PART = "rules"
MOST_SHOWN = 10


class RulesFound(NamedTuple):
    """What is in Redis: the good rules, and what is refused with the reason."""

    good: list[Rule]
    refused: dict[str, str]

    @property
    def prompts(self) -> list[str]:
        """The prompts that intercepts play."""
        return sorted({r.respond.prompt for r in self.good if r.action is Action.INTERCEPT})


async def read_rules(reader: Reader) -> RulesFound:
    """Read them all and decode each, as a mirror would."""
    found = RulesFound([], await reader.rejected())
    for rule_id, text in (await reader.rules()).items():
        try:
            rule = decode_rule(rule_id, text)
            compile_rules([rule])
            found.good.append(rule)
        except RuleRefused as error:
            found.refused[rule_id] = error.reason
    for name, text in (await reader.trunks()).items():
        try:
            decode_trunk(name, text)
        except ValueError as error:
            found.refused[f"trunk:{name}"] = str(error)
    return found


async def examine_rules(found: RulesFound, reader: Reader) -> Findings:
    """What is refused, and which lists are missing."""
    yield ok(PART, "1 rule" if len(found.good) == 1 else f"{len(found.good)} rules")
    for number, (name, reason) in enumerate(sorted(found.refused.items())):
        if number == MOST_SHOWN:
            yield fail(PART, f"{len(found.refused) - MOST_SHOWN} more are refused",
                       "ringfence rule list")  # fmt: skip
            break
        yield _refused(name, reason)
    names = await reader.list_names()
    sizes = [f"{name} {await reader.list_size(name)}" for name in names[:MOST_SHOWN]]
    yield ok("lists", ", ".join(sizes) or "none")
    for name in sorted(compile_rules(found.good).list_names - set(names)):
        users = [rule.id for rule in found.good if name in compile_rules([rule]).list_names]
        yield warn(
            "lists",
            f"there is no list {name}, which rule {', '.join(users[:3])} names",
            f"ringfence list add {name} NUMBER",
        )


def _refused(name: str, reason: str) -> Finding:
    kind, _, rest = name.partition(":")
    if kind == "trunk" and rest:
        return fail(PART, f"trunk {rest} is refused: {reason}", f"ringfence trunk set {rest} …")
    if kind == "list" and rest:
        return warn("lists", f"list {rest}: {reason}", "SREM or ZREM by redis-cli")
    return fail(
        PART,
        f"rule {name} is refused: {reason}",
        f"ringfence rule set {name} FILE, or ringfence rule remove {name}",
    )
