"""What rules name in Asterisk: sounds to play and places to divert to. Pure; asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.challenge import AGAIN, DEFAULT_PROMPTS
from ringfence.rules import Rule
from ringfence.rules.respond import DEFAULT_PROMPT
from ringfence.verdict import Action

MOST_RULES = 3


class NamedSound(NamedTuple):
    """A sound, in a language or (empty) in that of the trunk, and the rules that play it."""

    sound: str
    language: str
    rules: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.sound} ({self.language})" if self.language else self.sound


class NamedPlace(NamedTuple):
    """Where calls are diverted to; an empty `extension` is the called number as dialled."""

    context: str
    extension: str
    rules: tuple[str, ...]


def shown_rules(rules: tuple[str, ...]) -> str:
    """``rule a, b``, of many the first few."""
    more = len(rules) - MOST_RULES
    names = ", ".join(rules[:MOST_RULES]) + (f" and {more} more" if more > 0 else "")
    return f"rule {names}" if len(rules) == 1 else f"rules {names}"


def sounds_of(rules: Iterable[Rule]) -> list[NamedSound]:
    """The sounds that rules play, and which rules."""
    users: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        for sound in _played(rule):
            users.setdefault((sound, rule.respond.language), []).append(rule.id)
    return [NamedSound(*what, tuple(by)) for what, by in sorted(users.items())]


def places_of(rules: Iterable[Rule]) -> list[NamedPlace]:
    """The places that rules divert to, and which rules."""
    users: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        respond = rule.respond
        after = rule.action is Action.INTERCEPT and respond.then == "divert"
        if rule.action is Action.DIVERT or after:
            users.setdefault((respond.context, respond.extension), []).append(rule.id)
    return [NamedPlace(*what, tuple(by)) for what, by in sorted(users.items())]


def _played(rule: Rule) -> Iterator[str]:
    prompts = rule.respond.prompts
    if rule.action is Action.INTERCEPT:
        yield from dict.fromkeys(prompts or (DEFAULT_PROMPT,))
    elif rule.action is Action.CHALLENGE:
        # of the digits one: who has one has all
        yield from dict.fromkeys((*(prompts or DEFAULT_PROMPTS), AGAIN, "digits/2"))
