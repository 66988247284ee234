"""Who names which list: rules and callees, by what stands in Redis; knows nothing of entries."""

from __future__ import annotations

from collections import defaultdict

from ringfence.cli.rule_views import read_rule
from ringfence.cli.session import Store
from ringfence.rules.callees import compile_callee, decode_callee
from ringfence.rules.compile import compile_rules


async def rules_by_list(store: Store) -> dict[str, list[str]]:
    """Ids of the rules that ask each list, or put callers on it."""
    users: dict[str, list[str]] = defaultdict(list)
    for rule_id, text in (await store.reader.rules()).items():
        if rule := read_rule(rule_id, text).rule:
            filled = {each.list for each in rule.listings}
            for name in compile_rules([rule]).list_names | filled:
                users[name].append(rule_id)
    return users


async def callees_by_list(store: Store) -> dict[str, list[str]]:
    """Ids of the callees that allow or block by each list."""
    callees: dict[str, list[str]] = defaultdict(list)
    for callee_id, text in (await store.reader.callees()).items():
        try:
            named = compile_callee(callee_id, decode_callee(callee_id, text)).list_names
        except ValueError:
            continue  # refused: `callee list` says so
        for name in named:
            callees[name].append(callee_id)
    return callees
