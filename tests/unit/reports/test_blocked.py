"""The list of blocked calls that a subscriber may ask for."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from ringfence.reports.blocked import BlockedReport, local_time
from tests.unit.reports.calls import OWN, let_through, record


def test_each_blocked_call_is_listed_with_time_caller_rule_and_code() -> None:
    report = BlockedReport(OWN)
    for each in (
        record(3),
        record(2, basis="dno-invalid", sip=403, rule="invalid"),
        let_through(1),
        record(0, outcome="late"),
    ):
        report.add(each)
    assert (report.attempts, report.count, report.went_on) == (4, 2, 1)
    assert dict(report.by_basis) == {"analytics": 1, "dno-invalid": 1}
    first = report.calls[0]
    assert (first.caller, first.means, first.rule, first.sip) == (
        "+13015550100", "blocked", "premium", 603,
    )  # fmt: skip
    assert local_time(first, ZoneInfo("America/New_York")) == "2026-11-21 06:00:03 EST"


def test_only_the_grounds_that_are_asked_for_are_listed() -> None:
    report = BlockedReport(OWN, ["analytics"])
    for each in (record(2), record(1, basis="policy")):
        report.add(each)
    assert [call.basis for call in report.calls] == ["analytics"]
    assert report.count == 1


def test_what_decided_is_named_also_where_it_was_no_rule() -> None:
    report = BlockedReport(OWN)
    report.add(record(rule="", reason="score"))
    report.add(record(rule="", reason="fail-closed", basis="", sip=503))
    assert [(c.rule, c.basis) for c in report.calls] == [
        ("(score)", "analytics"),
        ("(fail-closed)", "none"),
    ]


def test_a_withheld_number_stays_withheld_from_the_called_party() -> None:
    report = BlockedReport(OWN)
    report.add(record(anonymous=True))
    assert report.calls[0].caller == "anonymous"


def test_a_flood_is_counted_and_listed_up_to_a_bound() -> None:
    report = BlockedReport(OWN, most=3)
    for number in range(5):
        report.add(record(number))
    assert (report.count, len(report.calls)) == (5, 3)


def test_calls_to_a_number_with_the_same_last_digits_are_somebody_elses() -> None:
    report = BlockedReport(OWN)
    for called in ("+442025550123", "", OWN):
        report.add(record(called_e164=called))
    assert (report.attempts, report.count) == (2, 2)
    named = BlockedReport("911")
    named.add(record(called="911", called_e164=""))
    assert named.count == 1


def test_a_time_that_somebody_wrote_by_hand_is_shown_as_it_is() -> None:
    report = BlockedReport(OWN)
    report.add(record(time="2026-11-21, noon"))
    assert local_time(report.calls[0], ZoneInfo("UTC")) == "2026-11-21, noon"
