"""What the Robocall Mitigation Database, as it was imported last, says of one provider."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ringfence.feeds.rmd import DATED, Filing, filing_of, frn_field, full_frn
from ringfence.store.feeds import FeedReader

Word = Literal["listed", "removed", "missing", "unknown"]
MOST_ASKED = 50


class Standing(NamedTuple):
    """`dated` is the day of the import that it is read from, "" where there was none; `since` the
    day on which a filing was first missing. `why` says what is unknown, or does not fit."""

    word: Word
    dated: str = ""
    number: str = ""
    name: str = ""
    frn: str = ""
    since: str = ""
    why: str = ""

    def __str__(self) -> str:
        told = [f"{self.word}, as of {self.dated}" if self.dated else self.word]
        told += [f"{self.number} {self.name}".strip()] if self.number else []
        told += [f"since {self.since}"] if self.since else []
        return ", ".join([*told, self.why] if self.why else told)


async def rmd_standing(reader: FeedReader, frn: str, number: str) -> Standing:
    """The standing of a provider by its FRN, its RMD number or both ("" for what nobody knows).

    The number counts first; where it is not in there, a filing under the FRN does.
    """
    frn, number = full_frn(frn), number.strip().upper()
    asked = [DATED, number or "-", frn_field(frn)]
    dated, by_number, numbers = await reader.rmd(asked)
    day = dated.decode(errors="replace") if dated else ""
    if not day:
        return Standing("unknown", why="no RMD file was imported: ringfence feed import rmd FILE")
    if not (frn or number):
        return Standing("unknown", day, why="neither FRN nor RMD number is in the register")
    found = {number: filing} if (filing := filing_of(by_number)) else {}
    if numbers:
        others = [each for each in numbers.decode(errors="replace").split(",") if each != number]
        texts = await reader.rmd(others[:MOST_ASKED]) if others else []
        for other, text in zip(others, texts, strict=False):
            if filing := filing_of(text):
                found[other] = filing
    return _judged(found, frn, number, day)


def _judged(found: dict[str, Filing], frn: str, number: str, day: str) -> Standing:
    if not found:
        return Standing("missing", day, why=f"no filing of {number or f'FRN {frn}'}")
    chosen = min(found, key=lambda each: (bool(found[each].removed), each != number, each))
    filing = found[chosen]
    why = ""
    if number and chosen != number:
        why = f"not as {number}"
    elif frn and frn not in (filing.frn, *filing.other_frns):
        why = f"under FRN {filing.frn}, not {frn}"
    word: Word = "removed" if filing.removed else "listed"
    return Standing(word, day, chosen, filing.name, filing.frn, filing.removed, why)
