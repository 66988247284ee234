"""What admins type and what files hold, read as it was meant or refused."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec
import pytest

from ringfence.cli.output import moment, one_line, parse_moment, parse_span
from ringfence.cli.rule_flags import as_entry, rule_flags, rule_of
from ringfence.cli.rule_views import conditions
from ringfence.rules import RuleRefused, decode_rule
from ringfence.rules.model import When
from ringfence.rules.respond import Respond

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "entry"),
    [
        ("+12025550123", "+12025550123"),
        ("202-555-0123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("+1-202-555-0123", "+12025550123"),
        ("+44 20 7946 0000", "+442079460000"),
        ("+12025550100-12025550199", "+12025550100-12025550199"),
        ("2025550123", "+12025550123"),
        ("12025550123", "+12025550123"),
        ("011442079460000", "+442079460000"),
        ("+1900*", "+1900*"),
        ("+12025550100-+12025550199", "+12025550100-+12025550199"),
        ("911", "911"),
        ("@scammers", "@scammers"),
        ("anonymous", "anonymous"),
    ],
)
def test_numbers_without_a_plus_are_read_as_dialled_in_the_us(typed: str, entry: str) -> None:
    assert as_entry(typed) == entry


def test_a_record_does_not_repeat_the_defaults_of_a_treatment() -> None:
    assert msgspec.to_builtins(Respond(context="menu").treatment) == {"context": "menu"}


def test_a_time_is_a_span_from_now_a_date_or_a_time_with_its_zone() -> None:
    assert moment(parse_moment("7d", NOW)) == "2026-11-28 12:00Z"
    assert moment(parse_moment("90m", NOW)) == "2026-11-21 13:30Z"
    assert moment(parse_moment("2027-01-31", NOW)) == "2027-01-31 00:00Z"
    assert moment(parse_moment("2027-01-31T08:00:00-05:00", NOW)) == "2027-01-31 13:00Z"


@pytest.mark.parametrize("text", ["soon", "7y", "", "d", "-7d", "0d", "2027-13-01", "9999999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_moment(text, NOW)
    with pytest.raises(click.BadParameter):
        parse_span(text or " ")


def test_a_rule_of_flags_says_who_added_it_and_when() -> None:
    flags = {"caller": ("2025550123", "!@friends"), "action": "block", "expires": "7d"}
    rule = rule_of("r", "", flags, "alice", NOW)
    assert rule.when.caller == ("+12025550123", "!@friends")
    assert (rule.added_by, rule.added_at) == ("alice", NOW)
    assert moment(rule.expires_at) == "2026-11-28 12:00Z"


def test_every_field_of_a_rule_has_its_flag() -> None:
    flags = {
        "caller": (r"~^\+1900", "invalid"),
        "country": ("NG",),
        "caller_name": ("~(?i)refund",),
        "user_agent": ("friendly-scanner",),
        "provider": ("acme*",),
        "origid": ("123e4567-e89b-12d3-a456-426614174000",),
        "schedule": ("!mon-fri 08:00-17:30 America/New_York",),
    }
    rule = rule_of("r", "", {**flags, "action": "block"}, "alice", NOW)
    assert {name: getattr(rule.when, name) for name in flags} == flags
    options = {option.name for option in click.command(rule_flags(lambda: None)).params}
    others = {"score": "score_at_least"}
    assert {others.get(name, name) for name in When.__struct_fields__} <= options
    assert {*Respond.__struct_fields__, "points", "also"} <= options


def test_a_rule_of_flags_is_checked_as_any_other() -> None:
    with pytest.raises(RuleRefused, match="respond"):
        rule_of("r", "", {"caller": ("anonymous",), "action": "block", "sip": 200}, "alice", NOW)
    with pytest.raises(click.UsageError, match="in the past"):
        rule_of("r", "", {"every_call": True, "action": "block", "expires": "2020-01-01"}, "a", NOW)


def test_flags_and_a_file_exclude_each_other() -> None:
    with pytest.raises(click.UsageError, match="not from both"):
        rule_of("r", "-", {"action": "block"}, "alice", NOW)


def test_nothing_that_strangers_wrote_moves_the_cursor() -> None:
    assert one_line("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["+1900*", "@a"], "caller +1900* or @a"),
        (["neighbour", "!own", "!@known"], "caller neighbour but not own or @known"),
        (["!own", "!@known"], "caller not own or @known"),
    ],
)
def test_what_is_excluded_is_told_from_what_is_wanted(values: list[str], said: str) -> None:
    when = msgspec.json.encode({"when": {"caller": values}, "action": "block"})
    assert conditions(decode_rule("r", when)) == said
