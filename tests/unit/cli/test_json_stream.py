"""JSON of any length, read a little at a time: the same as all at once, and faults have lines."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.cli.json_stream import MAX_PIECE, JsonRefused, JsonStream

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def stream(text: str, chunk: int = 1) -> JsonStream:
    return JsonStream(io.BytesIO(text.encode()), chunk)


@settings(deadline=None)
@given(st.lists(VALUES), st.sampled_from([None, 1]), st.integers(1, 9), st.booleans())
def test_items_are_the_same_however_few_bytes_come_at_once(
    items: list[object], indent: int | None, chunk: int, ascii_only: bool
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only)
    reading = stream(text, chunk)
    assert list(reading.items()) == items
    reading.end()


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=6), VALUES), st.integers(1, 9))
def test_names_come_with_their_values_and_those_texts(
    document: dict[str, object], chunk: int
) -> None:
    reading = stream(json.dumps(document, indent=2), chunk)
    found = {name: reading.value() for name in reading.names()}
    assert {name: value for name, (value, _) in found.items()} == document
    assert {name: json.loads(text) for name, (_, text) in found.items()} == document


def test_an_item_knows_its_line() -> None:
    reading = stream('[\n"a",\n\n  "b", {"c":\n 1},\n"d"\n]')
    assert [reading.line for _ in reading.items()] == [2, 4, 4, 6]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('["a",\n"b"\n"c"]', 3, "a comma or ] is missing"),
        ('["a",\n]', 2, "no JSON"),
        ('["a"', 1, "a comma or ] is missing"),
        ('["a",\n\n"b', 3, "no JSON: Unterminated"),
        ("", 1, "[ is missing"),
        ('["a"]\n\nmore', 3, "something follows"),
        ("[" + "[" * 20_000, 1, "nested too deeply"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, line: int, said: str) -> None:
    def read() -> None:
        reading = stream(text, 1000)
        list(reading.items())
        reading.end()

    with pytest.raises(JsonRefused) as refused:
        read()
    assert refused.value.line == line
    assert said in refused.value.reason


def test_what_is_no_utf8_is_refused() -> None:
    with pytest.raises(JsonRefused, match="UTF-8"):
        list(JsonStream(io.BytesIO(b'["a",\n"\xff"]')).items())


def test_a_value_without_an_end_does_not_fill_the_memory() -> None:
    file = io.BytesIO(b'["' + b"x" * (4 * MAX_PIECE))
    with pytest.raises(JsonRefused):
        list(JsonStream(file).items())
    assert file.tell() < 2 * MAX_PIECE
