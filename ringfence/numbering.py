"""What the numbering plans say of a number: can it exist, where is it from, is it toll-free.

Knows numbers only. NANP numbers are told by a table of area codes, all others by phonenumbers;
both answers are kept, so that a number seen before costs a look-up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from ringfence.numbers import SHORTEST, Number

TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
"""47 CFR 52.101; 822 is set aside for later."""
# Assigned, though phonenumbers has no number under them: carriers' own services (700), the US
# government's emergency service (710), and codes that it learns of late: NANPA's report of January
# 2026 has these in service or about to be. Their callers must not be taken for forgers.
_ASSIGNED_TOO = frozenset(
    {"700", "710"}
    | {"357", "436", "457", "465", "471", "483", "538", "565", "621", "624", "679", "729", "761"}
    | {"837", "861", "924"}
)
# Where an island's plan is narrower than its area code, one of these is still a number in it.
_PROBES = ("2342345", "4562345", "5232345", "7002345", "9872345")


class Standing(NamedTuple):
    """`flaw` says why a number cannot exist, "" where it can. `country` is an ISO code, or ""
    where the number belongs to none: an unassigned area code, a satellite network."""

    flaw: str
    country: str
    tollfree: bool


def standing(number: Number) -> Standing:
    """What the plans say of this number; a short code, a name or a withheld number has no flaw."""
    if not number.key:
        return Standing(_flaw_of_text(number), "", False)
    if number.e164.startswith("+1"):
        return _in_nanp(number.e164)
    return _elsewhere(number.key)


def area(number: Number) -> str:
    """Country code, area code and exchange, ``+1202555``; "" for a number outside the NANP."""
    e164 = number.e164
    return e164[:8] if len(e164) == 12 and e164.startswith("+1") else ""


@lru_cache(maxsize=1)
def area_codes() -> dict[str, str]:
    """Every assigned area code of the NANP → its country; those that all share count as US.

    Takes a few hundredths of a second the first time: ask once before calls do.
    """
    countries = dict.fromkeys(_ASSIGNED_TOO, "US")
    for code in (str(code) for code in range(200, 1000)):
        for probe in _PROBES:
            number = phonenumbers.PhoneNumber(country_code=1, national_number=int(code + probe))
            if country := phonenumbers.region_code_for_number(number):
                countries[code] = country
                break
    return countries


def exchange_flaw(number: Number) -> str:
    """Why no number of +1 can have this one's exchange, "" where it can: for who knows better than
    `area_codes` which area codes are assigned."""
    return _flaw_of_exchange(number.e164[5:8])


def _flaw_of_exchange(exchange: str) -> str:
    # 0 and 1 dial something else, N11 is a service (NANPA, central office code guidelines)
    return f"no exchange {exchange}" if exchange[0] in "01" or exchange[1:] == "11" else ""


def _in_nanp(e164: str) -> Standing:
    if len(e164) != 12:
        return Standing("wrong length", "", False)
    code, exchange = e164[2:5], e164[5:8]
    country = area_codes().get(code, "")
    if not country:
        return Standing(f"no area code {code}", "", False)
    return Standing(_flaw_of_exchange(exchange), country, code in TOLL_FREE)


@lru_cache(maxsize=65_536)
def _elsewhere(key: int) -> Standing:
    try:
        number = phonenumbers.parse(f"+{key}")
    except phonenumbers.NumberParseException:
        return Standing("no such country code", "", False)
    possible = phonenumbers.is_possible_number_with_reason(number)
    flaw = "" if possible == phonenumbers.ValidationResult.IS_POSSIBLE else "wrong length"
    # A country code that several share is its main country's where the number tells no more.
    country = phonenumbers.region_code_for_number(number) or (
        phonenumbers.region_code_for_country_code(number.country_code or 0)
    )
    tollfree = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.TOLL_FREE
    return Standing(flaw, country if country.isalpha() else "", tollfree)


def _flaw_of_text(number: Number) -> str:
    digits = number.text.removeprefix("+")
    if len(digits) < SHORTEST or not (digits.isascii() and digits.isdigit()):
        return ""
    return "no such country code" if number.text.startswith("+0") else "wrong length"
