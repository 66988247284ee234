"""What one call is checked against: rules, trunks, callees, and of lists what it can meet.

Owns what is fetched of them; evaluates nothing.
"""

from __future__ import annotations

from ringfence.call import CallAttempt
from ringfence.cli.export_sections import HASHES
from ringfence.cli.membership import ALWAYS_ASKED, find_in_list
from ringfence.cli.rule_views import read_rule
from ringfence.cli.session import Store
from ringfence.cli.stored import stored
from ringfence.lists import NumberList
from ringfence.providers.model import decode_provider
from ringfence.providers.register import good, with_providers
from ringfence.rules import compile_rules
from ringfence.rules.callee_book import compile_callees
from ringfence.rules.conditions.numbering_lists import NUMBERING_LISTS, entries_asked
from ringfence.screening import call_of
from ringfence.trunk import DEFAULT_TRUNK, decode_trunk
from ringfence.world import World


async def world_of(store: Store, attempt: CallAttempt, now: float, notes: list[str]) -> World:
    """What this call would meet at `now`; what an admin should know of it goes to `notes`."""
    shown = [read_rule(*item) for item in (await store.reader.rules()).items()]
    notes += [f"rule {s.id} is refused and left out: {s.refused}" for s in shown if not s.rule]
    book = compile_rules(s.rule for s in shown if s.rule)
    trunks = {}
    if text := (await store.reader.trunks()).get(attempt.trunk):
        try:
            trunks[attempt.trunk] = decode_trunk(attempt.trunk, text)
        except ValueError as error:
            notes.append(f"trunk {attempt.trunk} is refused, the defaults are taken: {error}")
    trunks = with_providers(trunks, good(await store.reader.providers(), decode_provider))
    call = call_of(attempt, trunks.get(attempt.trunk, DEFAULT_TRUNK))
    found = await stored(store, HASHES["callees"])
    notes += [f"{reason}: left out" for reason in found.refused.values()]
    callees = compile_callees(found.good)
    owner = callees.owner(call.called)
    named = book.list_names | (owner.list_names if owner else frozenset())
    lists = {}
    numbers_of_call = (call.caller, call.called)
    by_plan = [each for number in numbers_of_call for each in entries_asked(number)]
    for name in sorted(named | ALWAYS_ASKED):
        # only what this call meets is fetched: a list may have millions of entries
        numbers = lists[name] = NumberList(name)
        for number in by_plan if name in NUMBERING_LISTS else numbers_of_call:
            if there := await find_in_list(store, name, number, now):
                numbers.add(there.entry, there.expires)
        if name in named and not len(numbers) and not await store.reader.list_size(name):
            who = "a rule" if name in book.list_names else f"callee {owner.id}" if owner else ""
            notes.append(f"there is no list {name}, which {who} names")
    return World(book, lists, trunks, callees)
