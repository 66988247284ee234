"""The log: one JSON line an event, whatever strangers put into it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from ringfence.config import LogSection
from ringfence.logs import set_up_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    before = structlog.get_config()
    yield io.StringIO()
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def test_an_event_is_one_line_of_json_when_nobody_watches(stream: io.StringIO) -> None:
    set_up_logs(LogSection(), stream=stream, worker=2)
    structlog.get_logger("a").info("call", name='x"\n\ud800', numbers=[1], odd=object)
    (line,) = stream.getvalue().splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["level"], logged["worker"]) == ("call", "info", 2)
    assert logged["name"].startswith('x"\n')
    assert logged["timestamp"].endswith("Z")


def test_a_fault_is_logged_with_its_traceback_in_the_same_line(stream: io.StringIO) -> None:
    set_up_logs(LogSection(format="json"), stream=stream)
    try:
        raise ValueError("of ours")
    except ValueError:
        structlog.get_logger("b").exception("screening failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: of ours" in json.loads(line)["exception"]


def test_what_is_below_the_level_is_not_logged(stream: io.StringIO) -> None:
    set_up_logs(LogSection(level="error", format="console"), stream=stream)
    structlog.get_logger("c").info("call")
    assert stream.getvalue() == ""


def test_what_strangers_wrote_does_not_move_an_admins_cursor(stream: io.StringIO) -> None:
    set_up_logs(LogSection(format="console"), stream=stream)
    structlog.get_logger("d").warning("refused", path="\x1b]0;title\x07\x9b31m", peer="a\nb")
    (line,) = stream.getvalue().splitlines()
    assert not set("\x1b\x07\x9b") & set(line)
    assert "title" in line


@pytest.mark.parametrize("level", ["debug", "warning"])
def test_a_line_has_what_its_logger_was_bound_to(stream: io.StringIO, level: str) -> None:
    set_up_logs(LogSection(level=level, format="json"), stream=stream)
    logger = structlog.get_logger("e").bind(part="mirror")
    logger.info("%d lists in force", 2, rules=3)
    logger.warning("Redis is away", part="call log")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["event"], line["part"]) for line in lines] == [
        ("info", "2 lists in force", "mirror"),
        ("warning", "Redis is away", "call log"),
    ][level == "warning" :]
