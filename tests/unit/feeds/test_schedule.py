"""What `ringfence feed schedule` refuses before it looks at any store."""

from __future__ import annotations

import click
import pytest

from ringfence.cli.feed_schedule import schedule
from ringfence.cli.invocation import Invocation

URL = "https://files.example.net/x"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["npa", "ftp://example.net/x"], "write https://HOST/PATH"),
        (["npa", URL, "--every", "5m"], "at most every 6h"),
        (["phoneblock", URL, "--every", "1h"], "at most every 1d"),
        (["npa", URL, "--every", "soon"], "no length of time"),
        (["npa", "https://example.net/{date}"], "for a feed of a file a day"),
        (["ftc", URL, "--list", "dno"], "--list means nothing for a feed of kind ftc"),
        (["dnc", URL], "'dnc' is not one of 'ftc'"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_wrong_use(line: list[str], said: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        schedule.main(line, standalone_mode=False, obj=Invocation())
    assert said in refused.value.format_message()
