"""Tables of expected verdicts: read as they were meant, or refused with line and remedy."""

from __future__ import annotations

import json

import pytest

from ringfence.attestation import Level, Verification
from ringfence.cli.asserted_counts import NOT_COUNTED, Counts
from ringfence.cli.json_stream import JsonRefused
from ringfence.cli.table_rows import read_rows
from ringfence.cli.verdict_table import Case, Table, column, read_table


def table(text: str) -> Table:
    return read_table(read_rows(text.encode(), column))


def only(text: str) -> Case:
    found = table(text)
    assert not found.bad, found.shown
    (case,) = found.cases
    return case


def test_facts_and_expectations_are_told_apart_and_empty_cells_are_not_checked() -> None:
    case = only(
        "caller,Called,source-ip,caller name,action,rule,sip,label,note\n"
        '+12025550100,911,192.0.2.1,"Smith, Joe",block,r,,-,why\n'
    )
    assert (case.attempt.caller, case.attempt.called) == ("+12025550100", "911")
    assert (case.attempt.source_ip, case.attempt.caller_name) == ("192.0.2.1", "Smith, Joe")
    assert case.expected == {"action": "block", "rule": "r", "label": ""}
    assert (case.line, case.note, case.at, case.attestation) == (2, "why", None, None)


def test_csv_and_json_say_the_same() -> None:
    one = only(
        "caller,attestation,at,header:X-Twilio-VerStat,sip,noted\n"
        "+12025550100,B,2026-11-20T09:00:00-05:00,No-TN-Validation,603,b a\n"
    )
    other = only(json.dumps([{
        "caller": "+12025550100", "attestation": "B", "at": "2026-11-20T14:00:00Z",
        "headers": {"x-twilio-verstat": "No-TN-Validation"}, "sip": 603, "noted": ["a", "b"],
        "rule": None,
    }]))  # fmt: skip
    assert one._replace(line=1) == other
    assert other.expected == {"sip": "603", "noted": "a b"}
    assert other.attempt.headers == {"x-twilio-verstat": "No-TN-Validation"}


def test_a_level_alone_means_that_its_signature_held() -> None:
    said = only("trunk,attestation,action\nt,C,block\n").attestation
    assert said is not None
    assert (said.level, said.verification) == (Level.C, Verification.PASSED)
    said = only("trunk,verification,action\nt,failed,block\n").attestation
    assert said is not None
    assert (said.level, said.verification) == (Level.NONE, Verification.FAILED)


def test_a_signer_means_that_a_signature_held_and_a_reason_why_none_did() -> None:
    said = only("trunk,signer,origid,action\nt,818H,abc,block\n").attestation
    assert said is not None
    assert (said.verification, said.signer, said.origid) == (Verification.PASSED, "818H", "abc")
    said = only("trunk,attestation reason,action\nt,stale,block\n").attestation
    assert said is not None
    assert (said.verification, said.reason, said.code) == (Verification.FAILED, "stale", 403)


def test_those_who_sent_a_call_on_signed_that() -> None:
    said = only("trunk,diverter,action\nt,818H 9ZZZ,block\n").attestation
    assert said is not None
    assert (said.verification, said.diverters) == (Verification.PASSED, ("818H", "9ZZZ"))


def test_what_counters_would_answer_is_for_all_rules_or_for_some() -> None:
    assert only("caller,action\n1,block\n").counts == NOT_COUNTED
    case = only("caller,rate,spread,action\n1,12,fast=3 30,block\n")
    assert case.counts == Counts({"": 12}, {"fast": 3, "": 30})
    assert [case.counts.of(rule, "spread") for rule in ("fast", "slow")] == [3, 30]
    case = only('[{"caller": "1", "rate": 12, "spread": ["a=1", "b=2"], "action": "block"}]')
    assert case.counts == Counts({"": 12}, {"a": 1, "b": 2})


def test_what_spreadsheets_write_is_understood() -> None:
    text = "\ufeffcaller;action\r\n+12025550100;block\r\n;\r\n# done;\r\n"
    assert only(text).attempt.caller == "+12025550100"


def test_lines_are_counted_in_the_file_not_in_the_rows() -> None:
    text = '\n# head\ncaller,caller_name,action\n1,"two\nlines",block\n\n2,x,allow\n'
    assert [case.line for case in table(text).cases] == [4, 7]
    found = table('[\n{"caller": "1", "action": "block"},\n\n{"caller":\n"2", "action": "allow"}]')
    assert [case.line for case in found.cases] == [2, 4]


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("caller,action", "1,blok", "action 'blok': write one of allow"),
        ("caller,sip", "1,200", "400 to 699"),
        ("caller,rule", "1,no rule", "no rule's id"),
        ("caller,noted", "1,a !", "no rule's id"),
        ("caller,reason", "1,bad luck", "write one of rule"),
        ("caller,attestation,action", "1,D,block", "write one of A, B, C, none"),
        ("caller,verification,action", "1,yes,block", "write one of passed"),
        ("attestation,verification,action", "A,failed,block", "has no level"),
        ("caller,attestation_reason,action", "1,late,block", "write one of no-identity"),
        ("signer,verification,action", "818H,none,block", "has no signer: leave out signer 818H"),
        ("caller,source_ip,action", "1,gateway,block", "no address"),
        ("caller,at,action", "1,soon,block", "without a zone it is UTC"),
        ("caller,rate,action", "1,many,block", "rate 'many': write how many"),
        ("caller,rate,action", "1,-1,block", "write how many"),
        ("caller,rate,action", "1,no!=1,block", "write how many"),
        ("caller,spread,action", "1,a=1 a=2,block", "a is there twice"),
        ("rate,action", "12,block", "no call"),
        ("caller,action", ",block", "no call"),
        ("caller,action", "1,", "nothing is expected"),
        ("caller,action", "1.20256E+10,block", "rounded by a spreadsheet"),
    ],
)
def test_a_row_that_is_not_in_order_is_named_with_what_to_mend(
    head: str, row: str, said: str
) -> None:
    found = table(f"{head}\n{row}\n")
    assert found.bad == 1
    assert found.shown[0].number == 2
    assert said in found.shown[0].reason


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("callr,action\n1,block\n", 1, "did you mean caller?"),
        ("colour,action\n1,block\n", 1, "there are caller, called"),
        ("caller,Caller,action\n1,2,block\n", 1, "there twice"),
        ("caller,,action\n1,2,block\n", 1, "no column ''"),
        ("caller,action\n1,block\nSmith, Joe,block\n", 3, 'written in "quotes"'),
        ('caller,action\n"1,block\n', 2, "no CSV"),
        ("", 1, "no calls in it"),
        ("caller,action\n", 1, "no calls in it"),
        ('{"caller": "1"}', 1, "[ is missing"),
        ('[{"caller": "1", "action": "block"},\n"x"]', 2, "each call is an object"),
        ('[{"caller": {}, "action": "block"}]', 1, "write it in quotes"),
        ('[{"caller": "1", "action": true}]', 1, "write it in quotes"),
        ('[{"caller": "1", "headers": 5}]', 1, "an object"),
        ('[{"caller": "1",\n"action" "block"}]', 2, "no JSON"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(JsonRefused) as refused:
        table(text)
    assert (refused.value.line, said in refused.value.reason) == (line, True), refused.value.reason


def test_a_table_in_another_encoding_is_refused_with_its_line() -> None:
    with pytest.raises(JsonRefused, match="UTF-8") as refused:
        read_rows("caller,note\n1,José\n".encode("latin-1"), column)
    assert refused.value.line == 2
