"""What came over a trunk or from a provider."""

from __future__ import annotations

from ringfence.reports import traffic
from ringfence.reports.traffic import OTHERS, TrafficReport, lists_hit
from ringfence.verdict import Action, Noted
from tests.unit.reports.calls import let_through, record


def test_calls_are_counted_by_trunk_with_the_busiest_first() -> None:
    report = TrafficReport("trunk")
    for number in range(5):
        report.add(let_through(number, trunk="carrier-b", attestation="A", verification="passed"))
    for number in range(3):
        report.add(record(number, caller_e164=f"+1301555010{number}"))
    report.add(let_through(9, trunk=""))
    assert [name for name, _ in report.ordered] == ["carrier-b", "carrier-a", "(no trunk)"]
    busy, blocked = (each.document() for _, each in report.ordered[:2])
    assert (busy["attempts"], busy["let_through"], busy["callers"]) == (5, 5, 1)
    assert busy["attestation"] == {"A": 5, "B": 0, "C": 0, "none": 0}
    assert busy["verification"]["passed"] == 5
    assert (blocked["let_through"], blocked["kept_away"]) == (0, {"blocked": 3})
    assert (blocked["callers"], blocked["called"]) == (3, 1)


def test_calls_are_counted_by_provider() -> None:
    report = TrafficReport("provider")
    report.add(record(provider="example"))
    report.add(record(provider=""))
    assert {name for name, _ in report.ordered} == {"example", "(no provider)"}


def test_withheld_and_impossible_numbers_are_counted_apart() -> None:
    report = TrafficReport("trunk")
    report.add(let_through(1, anonymous=True, caller="anonymous", caller_e164=""))
    report.add(let_through(2, caller="+11234567890", caller_e164="+11234567890"))
    report.add(let_through(3, caller="Ann", caller_e164=""))
    report.add(let_through(4, anonymous=True))
    ((_, found),) = report.ordered
    assert (found.anonymous, found.invalid, found.callers.count) == (2, 1, 3)


def test_a_caller_on_a_complaint_list_is_counted_once_a_call() -> None:
    hit = "caller @complaints-ftc-5 (+13015550100)"
    noted = (Noted("points", Action.SCORE, False, f"trunk carrier-*, {hit}", 40),)
    call = let_through(noted=noted, matched=("caller @complaints-fcc-1 (+1301*)",))
    assert lists_hit(call) == {"complaints-ftc-5", "complaints-fcc-1"}
    report = TrafficReport("trunk")
    for each in (call, record(matched=("caller @own-list (+13015550100)",)), let_through()):
        report.add(each)
    ((_, found),) = report.ordered
    assert found.complaints == 1
    assert found.lists["own-list"] == 1


def test_what_a_caller_wrote_is_no_list() -> None:
    for written in ("caller_name ~x (caller @complaints-ftc-1 (x)", "caller ~@ (@complaints-1 ("):
        assert lists_hit(record(matched=(written,))) == set()


def test_memory_is_bounded_however_many_trunks_there_are() -> None:
    report = TrafficReport("trunk")
    for number in range(traffic.MOST_GROUPS + 50):
        report.add(let_through(number, trunk=f"t-{number}"))
    assert len(report.groups) == traffic.MOST_GROUPS + 1
    assert report.groups[OTHERS].attempts == 50


ENDED = {"ended": "2026-11-21T12:00:00.000Z"}
TALKED = {**ENDED, "answered": "2026-11-21T11:59:00.000Z"}


def test_shares_are_of_the_calls_let_through_whose_end_is_known() -> None:
    report = TrafficReport("trunk")
    for fields in ({**TALKED, "duration": 60.0}, {**TALKED, "duration": 6.0}, ENDED, {}):
        report.add(let_through(**fields))
    # an intercept in an answered call is nothing that anybody took
    report.add(record(**TALKED, duration=9.0, action="intercept"))
    ((_, found),) = report.ordered
    document = found.document()
    assert (report.let_through, report.ended) == (4, 3)
    assert (document["end_known"], document["answered"], document["short"]) == (3, 2, 1)
    assert (document["answered_share"], document["short_share"]) == (0.6667, 0.5)
    assert document["average_duration"] == 33.0


def test_what_is_short_may_be_said() -> None:
    report = TrafficReport("trunk", short=30)
    for seconds in (0.0, 30.0, 30.1):
        report.add(let_through(**TALKED, duration=seconds))
    ((_, found),) = report.ordered
    assert found.short == 2


def test_without_a_known_end_nothing_is_said_instead_of_zero() -> None:
    report = TrafficReport("trunk")
    report.add(let_through())
    ((_, found),) = report.ordered
    names = ("answered", "answered_share", "average_duration", "short", "short_share")
    assert [found.document()[name] for name in names] == [None] * 5
