"""What a call is found by in the archive's index; pure, and knows no file.

A term is a field and a whole number that stands for the value: of a telephone number its last ten
digits, of a text a hash. Two texts may share one, so whoever finds a record by its terms holds it
against the question once more. What is true of nearly all calls has no term.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from ringfence.calllog.filter import CallFilter, decided_by, last_ten
from ringfence.calllog.record import CallRecord
from ringfence.verdict import Action, Reason

# Kept in files: a number is never given to another field.
EVERY, CALLER, CALLED, ANONYMOUS, TRUNK, PROVIDER, RULE, VERDICT, SIP_CALL_ID, SIGNER, CALLEE = (
    range(11)
)

_USUAL_RULE = f"({Reason.NO_RULE})"
_GLOB = frozenset("*?[")


class Term(NamedTuple):
    """A field's value, as the index has it."""

    field: int
    value: int


ALL = Term(EVERY, 0)


def terms_of(record: CallRecord) -> set[Term]:
    """All terms of a call."""
    found = {ALL}
    for field, text in (
        (CALLER, record.caller_e164),
        (CALLER, record.caller),
        (CALLED, record.called_e164),
        (CALLED, record.called),
    ):
        if text:
            found.add(Term(field, _number(text)))
    if record.anonymous:
        found.add(Term(ANONYMOUS, 1))
    for rule in (decided_by(record), *(note.rule for note in record.noted)):
        if rule and rule != _USUAL_RULE:
            found.add(Term(RULE, _word_key(rule)))
    if record.action != Action.ALLOW:
        found.add(Term(VERDICT, _word_key(record.action)))
    for field, text in (
        (TRUNK, record.trunk),
        (PROVIDER, record.provider),
        (SIGNER, record.signer),
        (CALLEE, record.callee),
    ):
        if text:
            found.add(Term(field, _word_key(text)))
    if record.sip_call_id:
        found.add(Term(SIP_CALL_ID, text_key(record.sip_call_id)))
    return found


def terms_wanted(wanted: CallFilter) -> Iterator[Term]:
    """Terms that every call has that is asked for. What they leave open, only the record tells."""
    if wanted.caller == "anonymous":
        yield Term(ANONYMOUS, 1)
    elif wanted.caller:
        yield Term(CALLER, _number(wanted.caller))
    if wanted.called:
        yield Term(CALLED, _number(wanted.called))
    if wanted.rule and wanted.rule != _USUAL_RULE:
        yield Term(RULE, text_key(wanted.rule))
    if wanted.action and wanted.action != Action.ALLOW:
        yield Term(VERDICT, text_key(wanted.action))
    if wanted.trunk and not is_pattern(wanted.trunk):
        yield Term(TRUNK, text_key(wanted.trunk))
    for field, text in (
        (PROVIDER, wanted.provider),
        (SIP_CALL_ID, wanted.sip_call_id),
        (SIGNER, wanted.signer),
        (CALLEE, wanted.callee),
    ):
        if text:
            yield Term(field, text_key(text))


def is_pattern(trunk: str) -> bool:
    """Whether it may mean several trunks."""
    return not _GLOB.isdisjoint(trunk)


def text_key(text: str) -> int:
    """47 bits of a hash, which is six bytes in a file."""
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()
    return int.from_bytes(digest, "big") >> 1


@lru_cache(maxsize=4_096)
def _word_key(text: str) -> int:
    # trunks, rules and the like come again and again
    return text_key(text)


def _number(text: str) -> int:
    # As `CallFilter` compares: by digits where both have some, else as it is written.
    digits = last_ten(text)
    return int(digits) if digits else -text_key(text)
