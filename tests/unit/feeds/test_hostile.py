"""Whatever bytes come in place of a file: it is taken, or refused in one line. Nothing else."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.feeds.kinds import KINDS
from ringfence.feeds.plan import Asked, Plan
from ringfence.feeds.refused import FeedRefused

from .conftest import FILES, NOW

SAMPLES = {
    "ftc": "DNC_Complaint_Numbers_2026-03-05.csv",
    "fcc": "fcc_complaints.json",
    "rmd": "rmd.csv",
    "nxx": "office_codes.txt",
    "dno": "dno.csv",
    "phoneblock": "phoneblock.json",
}
PIECES = st.sampled_from(
    [b"", b"\0", b'"', b"\n", b"\r", b",", b"\t", b"{", b"]", b"\xff\xfe", b"\xef\xbb\xbf", b"-1",
     b"9" * 400, b"1e999", b"null", b"[[[[", "é٣".encode(), b"+1*", b"9999-99-99"]
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), max_size=4)


@pytest.mark.parametrize("kind", SAMPLES)
@settings(max_examples=20)
@given(changes=CHANGES)
def test_a_damaged_file_is_taken_or_refused_in_one_line(
    kind: str, changes: list[tuple[float, int, bytes]]
) -> None:
    text = (FILES / SAMPLES[kind]).read_bytes()
    for where, length, piece in changes:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + length :]
    try:
        plan = KINDS[kind].read(io.BytesIO(text), Asked(kind, SAMPLES[kind], NOW))
    except FeedRefused as refused:
        said = str(refused)
        assert said.isprintable()
        assert len(said) < 500
    else:
        assert isinstance(plan, Plan)
        for entries in plan.lists.values():
            assert len(list(entries.dated())) == len(entries.entries)
