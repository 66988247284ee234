"""Reads what must be known to foresee what follows from an import; decides and writes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from ringfence.cli.difference import Difference
from ringfence.cli.export_sections import HASHES
from ringfence.cli.foreseen import CONCERNED, NOTHING, Foreseen, after_it, foresee, lifted
from ringfence.cli.list_contents import ListContents
from ringfence.cli.membership import find_in_list
from ringfence.cli.session import Store
from ringfence.numbers import normalise
from ringfence.rules.choice import REDRESS_LIST


async def look_ahead(
    store: Store, difference: Difference, lists: Mapping[str, ListContents], *, prune: bool
) -> Foreseen:
    """What Ringfence will do by itself once the difference is written. `lists` are the file's."""
    if not any(part.changes for name, part in difference.hashes.items() if name in CONCERNED):
        return NOTHING
    now = time.time()
    before = {name: await store.reader.of_kind(HASHES[name].kind) for name in CONCERNED}
    after = after_it(before, difference)
    theirs = lists.get(REDRESS_LIST)
    goes = prune and difference.lists is not None
    released = set()
    for number in lifted(before, after).values():
        comes = theirs is not None and bool(theirs.expiry(number))
        if comes or (not goes and await find_in_list(store, REDRESS_LIST, normalise(number), now)):
            released.add(number)
    return foresee(before, after, released, datetime.fromtimestamp(now, UTC))
