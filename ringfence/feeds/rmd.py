"""The FCC's Robocall Mitigation Database: who is in it, and who was and is no more. No store.

The file lists who is in it today. Who was in an earlier file and is missing now was removed: that
is kept, with the day on which it was seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO

import msgspec

from ringfence.call import clean
from ringfence.feeds.plan import Asked, Plan
from ringfence.feeds.refused import FeedRefused
from ringfence.feeds.tables import checked_width, columns_of, rows_of

EXPECTED = "the Robocall Mitigation Database"
COLUMNS = (
    *("number", "frn", "business_name", "business_address", "foreign_voice_provider", "country"),
    *("other_frns", "other_dba_names", "previous_dba_names"),
    *("robocall_mitigation_contact_name", "contact_title", "contact_department"),
    *("contact_business_address", "contact_country", "contact_telephone_number"),
    *("contact_phone_extension", "implementation", "voice_service_provider_choice"),
    *("gateway_provider_choice", "intermediate_provider_choice", "last_updated"),
    *("last_recertified", "filing_url"),
)
DATED = ":dated"
_NUMBER = re.compile(r"RMD\d{7}", re.ASCII)
_FRN = re.compile(r"\d{1,10}", re.ASCII)


class Filing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the database. `removed`: the day on which it was first missing."""

    name: str = ""
    frn: str = ""
    other_frns: tuple[str, ...] = ()
    country: str = ""
    updated: str = ""
    recertified: str = ""
    removed: str = ""


def plan(file: IO[bytes], asked: Asked) -> Plan:
    """The table of all filings by their number, and of numbers by FRN."""
    rows = rows_of(file, EXPECTED, tell=asked.tell)
    _, header = next(rows, (0, []))
    at = columns_of(header, COLUMNS, EXPECTED)
    filings: dict[str, Filing] = {}
    newest = ""
    for line, cells in rows:
        checked_width(line, cells, len(COLUMNS))
        number, frn = cells[at["number"]], cells[at["frn"]]
        if not _NUMBER.fullmatch(number) or number in filings:
            raise FeedRefused(f"line {line}: expected one RMD number more, found {number[:20]!r}")
        if not _FRN.fullmatch(frn):
            raise FeedRefused(f"line {line}: expected an FRN of digits, found {frn[:20]!r}")
        filings[number] = Filing(
            name=clean(cells[at["business_name"]], 120),
            frn=full_frn(frn),
            other_frns=tuple(map(full_frn, re.findall(r"\b\d{7,10}\b", cells[at["other_frns"]]))),
            country=clean(cells[at["country"]], 60),
            updated=clean(cells[at["last_updated"]], 10),
            recertified=clean(cells[at["last_recertified"]], 10),
        )
        newest = max(newest, filings[number].updated)
    today = datetime.fromtimestamp(asked.now, UTC).date().isoformat()
    removed = {
        number: msgspec.structs.replace(filing, removed=filing.removed or today)
        for number, filing in filings_in(asked.table).items()
        if number not in filings
    }
    new = [number for number, filing in removed.items() if filing.removed == today]
    return Plan(
        rows=len(filings),
        lists={},
        dated=newest,
        table=_table(filings | removed, today),
        notes=(f"{len(new)} are in it no more since the last import",) if new else (),
    )


def full_frn(text: str) -> str:
    """An FRN with all its ten digits; "" where it is none."""
    return text.strip().zfill(10) if _FRN.fullmatch(text.strip()) else ""


def frn_field(frn: str) -> str:
    """The field of the table that has the RMD numbers of an FRN."""
    return f"frn:{frn}"


def filings_in(table: Mapping[str, bytes]) -> dict[str, Filing]:
    """The filings of a table; one that a hand has spoilt is left out."""
    found = {}
    for number, text in table.items():
        if _NUMBER.fullmatch(number) and (filing := filing_of(text)):
            found[number] = filing
    return found


def filing_of(text: bytes | None) -> Filing | None:
    """One filing as the table has it; None where there is none."""
    try:
        return msgspec.json.decode(text, type=Filing) if text else None
    except (msgspec.DecodeError, ValueError):
        return None


def _table(filings: dict[str, Filing], today: str) -> dict[str, bytes]:
    by_frn: defaultdict[str, list[str]] = defaultdict(list)
    for number, filing in filings.items():
        for frn in dict.fromkeys((filing.frn, *filing.other_frns)):
            by_frn[frn].append(number)
    return {
        DATED: today.encode(),
        **{number: msgspec.json.encode(filing) for number, filing in filings.items()},
        **{frn_field(frn): ",".join(numbers).encode() for frn, numbers in by_frn.items()},
    }
