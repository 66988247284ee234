"""Events of the manager interface become ends; what was not seen stays unknown."""

from __future__ import annotations

from typing import Any

import pytest

from ringfence.calllog.ended import CallEnd
from ringfence.endings.tracking import Leg, Tracker, came_in, leg_of

ID = "pbx-1-1795176001.7"
CHANNEL = "PJSIP/carrier-a-00000007"


def event(name: str, state: str = "6", id: str = ID, **more: Any) -> dict[str, Any]:
    return {
        "event": name, "uniqueid": id, "linkedid": id, "channel": CHANNEL, "channelstate": state,
        "cause": "16", **more,
    }  # fmt: skip


def test_a_call_that_was_answered_ends_with_its_times_and_cause() -> None:
    tracker = Tracker()
    assert tracker.take(event("Newstate"), 1_000) is None
    assert tracker.take(event("Hangup"), 5_500) == CallEnd(ID, CHANNEL, 1_000, 5_500, 16)
    assert len(tracker) == 0


def test_a_call_that_was_never_up_ends_without_an_answer() -> None:
    end = Tracker().take(event("Hangup", "4", cause="21"), 5_500)
    assert end == CallEnd(ID, CHANNEL, None, 5_500, 21)


def test_ringing_is_no_answer() -> None:
    tracker = Tracker()
    tracker.take(event("Newstate", "5"), 1_000)
    end = tracker.take(event("Hangup", "5"), 2_000)
    assert end
    assert end.answered is None


def test_of_a_call_whose_answer_nobody_heard_nothing_is_said() -> None:
    assert Tracker().take(event("Hangup", "6"), 5_500) is None


def test_a_leg_that_another_one_led_to_is_none_of_ours() -> None:
    tracker = Tracker()
    for name, state in (("Newstate", "6"), ("Hangup", "6"), ("Hangup", "5")):
        assert tracker.take(event(name, state, linkedid="1795176000.1"), 1_000) is None
    assert len(tracker) == 0


def test_a_call_that_was_transferred_ends_under_the_name_it_was_screened_with() -> None:
    tracker = Tracker()
    tracker.take(event("Newstate"), 1_000)
    end = tracker.take(event("Hangup", channel="PJSIP/b-1<ZOMBIE>", linkedid="1795170000.1"), 2_000)
    assert end
    assert end.channel == CHANNEL


def test_being_up_twice_is_being_answered_once() -> None:
    tracker = Tracker()
    tracker.take(event("Newstate"), 1_000)
    tracker.take(event("Newstate"), 3_000)
    end = tracker.take(event("Hangup"), 4_000)
    assert end
    assert end.answered == 1_000


def test_a_clock_that_is_set_back_makes_no_negative_call() -> None:
    tracker = Tracker()
    tracker.take(event("Newstate"), 9_000)
    end = tracker.take(event("Hangup"), 4_000)
    assert end
    assert (end.answered, end.ended) == (9_000, 9_000)


@pytest.mark.parametrize(
    "odd",
    [
        {}, {"event": "Hangup"}, {"event": ["Hangup", "Hangup"]}, event("Hangup", id="x"),
        event("HangupRequest"), event("Newexten"), event("Hangup", id=""),
        event("Hangup", channel=["a", "b"]), event("Hangup") | {"uniqueid": None},
    ],
)  # fmt: skip
def test_half_events_and_garbage_are_no_ends(odd: dict[str, Any]) -> None:
    assert Tracker().take(odd, 1_000) is None


@pytest.mark.parametrize("cause", ["", "x", "-1", "99999999999999999999", None, ["1"], "٣"])
def test_a_cause_that_is_none_is_nought(cause: object) -> None:
    end = Tracker().take(event("Hangup", "4", cause=cause), 1_000)
    assert end
    assert end.cause == 0


def test_calls_in_mind_are_bounded_and_the_oldest_is_unknown_then() -> None:
    tracker = Tracker(most=2)
    ids = [f"1795176001.{n}" for n in range(3)]
    for id in ids:
        tracker.take(event("Newstate", id=id), 1_000)
    assert (len(tracker), tracker.forgotten) == (2, 1)
    ends = [tracker.take(event("Hangup", id=id), 2_000) for id in ids]
    assert [end is not None for end in ends] == [False, True, True]


def test_after_a_gap_only_calls_that_are_still_there_are_known() -> None:
    tracker = Tracker()
    gone, there, new = (f"1795176001.{n}" for n in range(3))
    for id in (gone, there):
        tracker.take(event("Newstate", id=id), 1_000)
    ringing = Leg("1795176001.9", CHANNEL, is_up=False)
    up = [Leg(id, CHANNEL, is_up=True) for id in (there, new)]
    assert tracker.settle([*up, ringing]) == [up[1]]
    tracker.note_up(up[1], 500)
    assert tracker.take(event("Hangup", id=gone), 2_000) is None
    assert [tracker.take(event("Hangup", id=id), 2_000) for id in (there, new)] == [
        CallEnd(there, CHANNEL, 1_000, 2_000, 16), CallEnd(new, CHANNEL, 500, 2_000, 16),
    ]  # fmt: skip


def test_an_item_of_a_listing_is_a_leg_like_that_of_an_event() -> None:
    listed = event("CoreShowChannel", "4")
    assert leg_of(listed) == Leg(ID, CHANNEL, is_up=False)
    assert came_in(listed)
    assert not came_in({**listed, "linkedid": "1795176000.1"})
