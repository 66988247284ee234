"""Events as Asterisk sends them, and as it never should."""

import json

import pytest

from ari_app.events import EVENT_FILTER, READ, decode_event


def test_a_start_brings_the_channel_and_the_facts() -> None:
    event = decode_event(
        b'{"type":"StasisStart","application":"ringfence","args":["called=911&caller=1"],'
        b'"channel":{"id":"17.1","name":"PJSIP/carrier-a-1","state":"Ring"},"asterisk_id":"x"}'
    )
    assert event is not None
    assert (event.type, event.channel.id, event.channel.name) == (
        "StasisStart", "17.1", "PJSIP/carrier-a-1",
    )  # fmt: skip
    assert event.facts == "called=911&caller=1"


def test_facts_that_a_broadcast_split_at_colons_are_whole_again() -> None:
    event = decode_event(b'{"type":"StasisStart","args":["called=1&ss.0=passed","A"]}')
    assert event is not None
    assert event.facts == "called=1&ss.0=passed:A"


def test_a_start_without_arguments_has_empty_facts() -> None:
    event = decode_event(b'{"type":"StasisStart","channel":{"id":"1"}}')
    assert event is not None
    assert event.facts == ""


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"type":7}', b'{"type":"X","channel":"none"}',
     b'{"type":"StasisStart","args":[{}]}', b"[" * 100_000],
)  # fmt: skip
def test_a_frame_that_is_no_event_is_none(frame: bytes) -> None:
    assert decode_event(frame) is None


def test_the_filter_lets_answers_over_the_websocket_pass() -> None:
    allowed = [entry["type"] for entry in json.loads(EVENT_FILTER)["allowed"]]
    assert allowed == list(READ)
    assert "RESTResponse" in allowed
