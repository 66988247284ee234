"""Records come out of the archive as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.archive.packing import DICTIONARY, Packer, Unpacker
from ringfence.calllog.record import encode_record
from tests.unit.archive.parts import record


@given(st.binary(max_size=20_000))
def test_what_was_packed_comes_out_as_it_was(data: bytes) -> None:
    assert Unpacker(DICTIONARY).unpack(Packer().pack(data)) == data


def test_a_usual_record_takes_a_third_of_its_room() -> None:
    data = encode_record(
        record(source="192.0.2.7:5060", sip_call_id="8f7c0a1e@192.0.2.7", door="agi")
    )
    assert len(Packer().pack(data)) < len(data) / 3


def test_one_packer_packs_each_record_by_itself() -> None:
    packer, unpacker = Packer(), Unpacker(DICTIONARY)
    packed = [packer.pack(data) for data in (b"first", b"second", b"first")]
    assert packed[0] == packed[2]
    assert [unpacker.unpack(each) for each in packed[::-1]] == [b"first", b"second", b"first"]


def test_what_was_packed_by_another_dictionary_is_unpacked_by_that() -> None:
    packed = Packer(b"an older dictionary").pack(b"an older record")
    assert Unpacker(b"an older dictionary").unpack(packed) == b"an older record"


@pytest.mark.parametrize("packed", [b"", b"\xff\xff\xff", Packer().pack(b"x" * 1_000)[:-3]])
def test_what_is_damaged_is_refused_in_one_line(packed: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        Unpacker(DICTIONARY).unpack(packed)
