"""The file of an export: read back as it was written, refused with the line that is at fault."""

from __future__ import annotations

import io
import json
import math

import pytest

from ringfence.cli import export_file
from ringfence.cli.export_file import Exported, read_export
from ringfence.cli.export_sections import HASHES
from ringfence.cli.json_stream import JsonRefused
from ringfence.cli.list_contents import ListContents
from ringfence.providers.notice import MAX_NOTICE_BYTES, decode_notice, encode_notice
from ringfence.rules import decode_rule
from ringfence.trunk import decode_trunk

NOW = 1_800_000_000.0
RULE = decode_rule(
    "gateway",
    '{"action": "block", "when": {"trunk": ["a", "b"]}, "expires_at": "2027-01-31T00:00:00Z",'
    ' "note": "Überlauf", "added_by": "alice", "respond": {"sip": 603}}',
)
TRUNK = decode_trunk("carrier-a", '{"fail": "closed"}')


def written() -> str:
    contents = ListContents()
    for entry in ("+12025550100", "+1900*", "911"):
        contents.add(entry)
    contents.add("+12025550101", NOW + 60.25)
    parts = [
        export_file.head(),
        export_file.hash_section("rules", {"gateway": HASHES["rules"].document(RULE)}),
        export_file.hash_section("trunks", {"carrier-a": HASHES["trunks"].document(TRUNK)}),
        ',\n"lists": {',
        *export_file.list_lines("empty", ListContents(), first=True),
        *export_file.list_lines("scammers", contents, first=False),
        "\n}",
        export_file.tail(),
    ]
    return "".join(parts)


def read(text: str) -> Exported:
    return read_export(io.BytesIO(text.encode()), NOW)


@pytest.mark.parametrize("indent", ["as it is", None, 8])
def test_a_file_is_read_as_it_was_written_also_where_a_tool_formatted_it(
    indent: int | str | None,
) -> None:
    text = written()
    if not isinstance(indent, str):
        text = json.dumps(json.loads(text), indent=indent)
    found = read(text)
    assert found.hashes == {"rules": {"gateway": RULE}, "trunks": {"carrier-a": TRUNK}}
    assert not found.bad
    assert found.lists is not None
    assert {name: dict(each) for name, each in found.lists.items()} == {
        "empty": {},
        "scammers": {
            "+12025550100": math.inf, "+1900*": math.inf, "911": math.inf,
            "+12025550101": NOW + 60.25,
        },
    }  # fmt: skip


def test_a_list_entry_has_a_line_of_its_own() -> None:
    lines = written().splitlines()
    assert '    "+12025550100",' in lines
    assert '    {"entry": "+12025550101", "expires": "2027-01-15T08:01:00.250000Z"},' in lines


def test_a_rule_reads_as_an_admin_would_write_it() -> None:
    lines = [line.strip() for line in written().splitlines()]
    assert '"trunk": ["a", "b"]' in lines
    assert '"note": "Überlauf",' in lines


def test_values_that_do_not_fit_a_line_have_one_each() -> None:
    many = [f"+1202555{n:04}" for n in range(20)]
    text = export_file.hash_section("rules", {"r": {"when": {"caller": many}}})
    assert f'\n        "{many[7]}",\n' in text
    assert json.loads(f"{{{text[1:]}}}")["rules"]["r"]["when"]["caller"] == many


def test_what_is_as_long_as_it_may_be_is_read_as_it_was_written() -> None:
    # written readably it is longer, and a limit counts bytes of what is in Redis
    step = {"at": "2026-11-22T12:00:00Z", "who": "alice", "text": "asked them again"}
    notice = decode_notice("n", json.dumps({
        "kind": "own", "received": "2026-11-22T12:00:00Z", "deadline": "2026-11-23T12:00:00Z",
        "steps": [step] * 930}, separators=(",", ":")))  # fmt: skip
    assert MAX_NOTICE_BYTES - 1_000 < len(encode_notice(notice)) < MAX_NOTICE_BYTES
    section = export_file.hash_section("notices", {"n": HASHES["notices"].document(notice)})
    assert len(section) > MAX_NOTICE_BYTES
    text = export_file.head() + section + export_file.tail()
    assert read(text).hashes["notices"] == {"n": notice}
    twice = section.replace('"kind"', '"kind": "own", "kind"', 1)
    found = read(export_file.head() + twice + export_file.tail())
    assert "`kind` is there twice" in found.shown[0].reason


def test_a_section_that_is_not_there_is_told_from_one_that_is_empty() -> None:
    found = read('{"ringfence_export": 1, "rules": {}}')
    assert (found.hashes, found.lists) == ({"rules": {}}, None)


def test_entries_that_have_run_out_are_counted_and_left_out() -> None:
    entry = '{"entry": "911", "expires": "2020-01-01T00:00Z"}'
    found = read(f'{{"ringfence_export": 1, "lists": {{"l": [{entry}]}}}}')
    assert found.run_out == 1
    assert not found.bad


def test_all_faults_are_named_at_once_with_their_lines() -> None:
    found = read(
        '{"ringfence_export": 1,\n"rules": {"a": {"action": "explode"},\n'
        '"b c": {"action": "block"},\n"d": {"action": "block", "when": {"caller": "x"}},\n'
        '"e": {"action": "block"}, "e": {"action": "allow"}},\n'
        '"trunks": {"t":\n{"country": "Atlantis"}},\n'
        '"lists": {"l": ["+1900*",\n"nobody",\n{"entry": "911"},\n'
        '{"entry": "911", "expires": "2030-01-01"}],\n"no name": []}}'
    )
    assert [line.number for line in found.shown] == [2, 3, 4, 5, 6, 9, 10, 11, 12]
    assert found.bad == 9
    said = " ".join(line.reason for line in found.shown)
    for wanted in ("rule a: action", "is there twice", "trunk t: country", "list l: 'nobody'",
                   "with its zone"):  # fmt: skip
        assert wanted in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("caller,action\n", "no export"),
        ("{}", "no export"),
        ('{"rules": {}}', "no export"),
        ('{"ringfence_export": 2}', "another Ringfence"),
        (
            '{"ringfence_export": 1, "rule": {}}',
            "'rule' is not known: rules, trunks, callees, providers, notices, disputes, feeds, li",
        ),
        ('{"ringfence_export": 1, "rules": {}, "rules": {}}', "there twice"),
        ('{"ringfence_export": 1, "rules": []}', "{ is missing"),
        ('{"ringfence_export": 1} {}', "something follows"),
        ('{"ringfence_export": 1, "lists": {"l": ["911"', "] is missing"),
    ],
)
def test_what_is_no_export_is_refused(text: str, said: str) -> None:
    with pytest.raises(JsonRefused) as refused:
        read(text)
    assert said in refused.value.reason
