"""A feed's set-up and state, when it is due, and what may be said of its kind."""

from __future__ import annotations

import msgspec
import pytest

from ringfence.feeds.address import checked_url, shown
from ringfence.feeds.kinds import KINDS, checked_options, kind_of
from ringfence.feeds.model import (
    Feed,
    FeedState,
    Options,
    checked_name,
    decode_feed,
    decode_state,
    due_at,
)
from ringfence.feeds.refused import FeedRefused

NOW = 1_000_000.0
FEED = Feed("npa", "https://example.net/npa_report.csv", 86_400)


def test_a_feed_is_due_at_once_then_by_its_schedule_and_sooner_after_a_failure() -> None:
    state = FeedState()
    assert due_at(FEED, state) == 0.0
    assert due_at(FEED, state.confirmed(NOW)) == NOW + 86_400
    waits = []
    for _ in range(12):
        state = state.failing("no answer", NOW)
        waits.append(due_at(FEED, state) - NOW)
    assert waits[:4] == [300, 600, 1_200, 2_400]
    assert waits[-1] == 86_400
    assert due_at(FEED, state.confirmed(NOW)) == NOW + 86_400


def test_a_failure_keeps_what_was_known() -> None:
    state = FeedState(kind="npa", rows=450, current_at=5.0).failing("no\nanswer", NOW)
    assert (state.rows, state.current_at, state.failures) == (450, 5.0, 1)
    assert (state.failure, state.failed_at) == ("no answer", NOW)
    assert decode_state(msgspec.json.encode(state)) == state


def test_validators_are_few() -> None:
    state = FeedState()
    for n in range(30):
        state = state.with_validator(f"https://example.net/{n}", f'"{n}"', "")
    assert len(state.validators) == 20
    assert (
        state.with_validator("https://example.net/29", "", "")
        .validators.keys()
        .isdisjoint({"https://example.net/29"})
    )


def test_what_a_hand_has_spoilt_is_told_or_forgotten() -> None:
    with pytest.raises(FeedRefused, match="feed x: "):
        decode_feed("x", b'{"kind":"npa"}')
    assert decode_state(b"nothing") == decode_state(b'{"kind":"\xff"}') == FeedState()
    assert decode_state(None) == FeedState()


@pytest.mark.parametrize("name", ["", "-", "a b", "x" * 33, "../x"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(FeedRefused, match="1 to 32 letters"):
        checked_name(name)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("ftc", Options(list="dno"), "--list means nothing for a feed of kind ftc"),
        ("fcc", Options(list="dno"), "--list means nothing"),
        ("phoneblock", Options(list="dno"), "--list means nothing"),
        ("npa", Options(block_missing=True), "--block-missing means nothing"),
        ("dno", Options(list="complaints-ftc-1"), "filled by a feed of another kind"),
        ("list", Options(list="nanp-area-codes"), "filled by a feed of another kind"),
        ("list", Options(list="phoneblock"), "filled by a feed of another kind"),
    ],
)
def test_no_feed_gets_into_anothers_list_and_complaints_never_into_a_dno_list(
    kind: str, options: Options, said: str
) -> None:
    with pytest.raises(FeedRefused, match=said):
        checked_options(kind_of(kind), options)


def test_options_that_a_kind_takes_stay() -> None:
    assert checked_options(KINDS["dno"], Options(column="TN")) == Options(list="dno", column="TN")
    assert checked_options(KINDS["rmd"], Options(block_missing=True)).block_missing
    with pytest.raises(FeedRefused, match="no kind of feed 'dnc': there are ftc, "):
        kind_of("dnc")


@pytest.mark.parametrize(
    "url", ["ftp://example.net/x", "file:///etc/passwd", "https://", "x", "https://[::1/x"]
)
def test_only_http_and_https_are_fetched(url: str) -> None:
    with pytest.raises(FeedRefused, match="write https://HOST/PATH"):
        checked_url(url)


def test_an_address_has_no_password_in_it_and_its_query_is_not_shown() -> None:
    with pytest.raises(FeedRefused, match="--token-file") as refused:
        checked_url("https://alice:geheim@example.net/x")
    assert "geheim" not in str(refused.value)
    assert shown("https://example.net:8443/x?token=geheim") == "https://example.net:8443/x"
