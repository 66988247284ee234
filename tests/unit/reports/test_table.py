"""Tables as files: whole, by themselves, and harmless whatever callers wrote."""

from __future__ import annotations

import csv
import io

from ringfence.reports.table import Table, csv_text, page

EVIL = '<script>alert("x")</script>'


def test_a_table_is_read_back_from_its_csv_as_it_was() -> None:
    rows = [("+12025550123", 'a "quoted", cell', "two\nlines"), ("-1", "", "+1-202 (12 %)")]
    text = csv_text(Table("", ("a", "b", "c"), rows))
    assert list(csv.reader(io.StringIO(text))) == [["a", "b", "c"], *map(list, rows[:1]),
                                                   ["-1", "", "'+1-202 (12 %)"]]  # fmt: skip


def test_what_a_caller_wrote_is_no_formula() -> None:
    for text in ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"):
        (_, row) = csv_text(Table("", ("caller",), [(text,)])).splitlines()
        assert row.strip('"').startswith("'"), text


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    table = Table(EVIL, (EVIL,), [(EVIL,)])
    text = page(EVIL, [(EVIL, EVIL), ("empty", "")], [table], [EVIL])
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 8
    for wanted in ("http", "src=", "@import", "url(", "<dt>empty"):
        assert wanted not in text
