"""What of a record is a column, in the form in which it is kept and asked for; pure.

Strangers choose much of it: what a text column cannot hold is replaced, and what is too long for
an index is cut, here as in the question. So two values may share one, and whoever finds a record
by its columns holds it against the question once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from ringfence.archive.writing import id_key
from ringfence.calllog.filter import decided_by, last_ten
from ringfence.calllog.record import CallRecord
from ringfence.verdict import Reason

LONGEST = 200
"""Characters: an index takes some 2,700 bytes."""
LONGEST_ID = 64
USUAL_RULE = f"({Reason.NO_RULE})"
CALLER, CALLED, RULE = "caller10", "called10", "rule"
TEXTS = (CALLER, CALLED, "trunk", "provider", RULE, "sip_call_id", "signer", "callee")


class Also(NamedTuple):
    """One more value of a column."""

    field: str
    value: str


def texts_of(record: CallRecord) -> tuple[str | None, ...]:
    """In the order of TEXTS; None where there is nothing that anybody asks for."""
    rule = decided_by(record)
    return (
        number(record.caller_e164) or number(record.caller),
        number(record.called_e164) or number(record.called),
        text(record.trunk),
        text(record.provider),
        text(rule) if rule != USUAL_RULE else None,
        text(record.sip_call_id),
        text(record.signer),
        text(record.callee),
    )


def also_of(record: CallRecord) -> Iterator[Also]:
    """What a record has beside its columns, each once."""
    more = {
        *((CALLER, number(record.caller)), (CALLED, number(record.called))),
        *((RULE, text(note.rule)) for note in record.noted),
    }
    columns = dict(zip(TEXTS, texts_of(record), strict=True))
    return (Also(field, value) for field, value in more if value and value != columns[field])


def text(written: str) -> str | None:
    """As a column has it."""
    if not written:
        return None
    if written.isascii() and "\0" not in written:
        return written[:LONGEST]
    whole = written.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\0", "\ufffd")[:LONGEST]


def number(written: str) -> str | None:
    """The same of a number: its last ten digits where it has any, else as it is written."""
    return last_ten(written) or text(written)


def key_of_id(id: str) -> bytes:
    """A call's id as it is kept."""
    key = id_key(id)
    return key if len(key) <= LONGEST_ID else blake2b(key, digest_size=32).digest()
