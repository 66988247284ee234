"""What a rule does besides deciding: what the caller hears, where the call goes, who is noted.

Knows no rule and no call. What goes into the dialplan from here is bounded to characters that mean
nothing there.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringfence.durations import parse_duration
from ringfence.lists import LIST_NAME
from ringfence.rules.choice import REDRESS_LIST
from ringfence.verdict import REMEMBERED, Also, Treatment

DEFAULT_LABEL = "SPAM?"
DEFAULT_PROMPT = "ss-noservice"
PASSED_LIST = "passed"
"""Callers who passed a challenge, for as long as it is remembered."""
RESERVED_LISTS = frozenset({"own", "emergency", "public-safety", PASSED_LIST, REDRESS_LIST})
"""Lists that mean something by themselves: a rule that filled them would undo others by itself."""

# An open bracket would take MSet's commas in, so brackets come in pairs; $ would let a newline
# through at the end.
Prompt = Annotated[str, Meta(pattern=r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_/.-]{0,127}\Z")]
Prompts = Prompt | Annotated[tuple[Prompt, ...], Meta(min_length=1, max_length=8)]
_LABEL = r"[A-Za-z0-9 ?!*#:._+-]"
Label = Annotated[str, Meta(pattern=rf"^(?:{_LABEL}|\[{_LABEL}*\])+\Z", max_length=32)]
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{1,8}){0,2}\Z")]
Place = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,78}\Z")]
Extension = Annotated[str, Meta(pattern=r"^[A-Za-z0-9*#+][A-Za-z0-9_.*#+-]{0,78}\Z")]


class Respond(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the caller or the called party gets.

    For an intercept: `prompt` (one or several, by default ss-noservice), `language`, `answer` (in
    an answered call instead of early media), `repeat`, and what is done `then`. For a challenge:
    `tries`, and for how long a pass is remembered (``0s``: not at all). `context` and
    `extension` (by default the called number as it was dialled) are where a divert goes. `sip` and
    `label` as in the contract.
    """

    prompt: Prompts = ()
    sip: Annotated[int, Meta(ge=400, le=699)] | None = None
    label: Label = DEFAULT_LABEL
    language: Language | Literal[""] = ""
    answer: bool = False
    repeat: Annotated[int, Meta(ge=1, le=10)] = 1
    then: Literal["reject", "continue", "divert"] = "reject"
    context: Place | Literal[""] = ""
    extension: Extension | Literal[""] = ""
    tries: Annotated[int, Meta(ge=1, le=5)] = 3
    remember: str = "24h"

    def __post_init__(self) -> None:
        if self.remember != "0s":
            parse_duration(self.remember)
        if self.then == "divert" and not self.context:
            raise ValueError("then divert needs respond.context, a context of the dialplan")
        if self.extension and not self.context:
            raise ValueError("respond.extension needs respond.context, a context of the dialplan")

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts in their order; none where the default is meant."""
        return (self.prompt,) if isinstance(self.prompt, str) else self.prompt

    @property
    def treatment(self) -> Treatment:
        """The same in the verdict's words."""
        seconds = 0 if self.remember == "0s" else parse_duration(self.remember)
        return Treatment(
            language=self.language,
            answer=self.answer,
            repeat=self.repeat,
            then=self.then,
            context=self.context,
            extension=self.extension,
            tries=self.tries,
            # msgspec leaves a default out of a record only if it is that very object
            remember=REMEMBERED if seconds == REMEMBERED else seconds,
        )


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list that the caller is put on for a time: ``{"list": "caught", "for": "1h"}``."""

    list: str
    for_: str = msgspec.field(name="for")

    def __post_init__(self) -> None:
        if not LIST_NAME.fullmatch(self.list):
            raise ValueError(f"{self.list[:80]!r} is no list: letters, digits, _ . -")
        if self.list in RESERVED_LISTS:
            raise ValueError(f"the list {self.list} is not for rules to fill: choose another name")
        parse_duration(self.for_)

    def also(self, rule_id: str) -> Also:
        """The same in the verdict's words."""
        return Also(self.list, parse_duration(self.for_), rule_id)


Listings = Listing | Annotated[tuple[Listing, ...], Meta(min_length=1, max_length=8)]
