"""How a process writes its log; called once where it starts, never by an import."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ringfence.call import clean
from ringfence.config import LogSection


def set_up_logs(settings: LogSection, *, stream: TextIO | None = None, worker: int = 0) -> None:
    """Log to `stream` (stderr): lines for people on a terminal, JSON where a machine reads."""
    stream = stream or sys.stderr
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=_for_people(stream) if console else [],
        wrapper_class=structlog.make_filtering_bound_logger(level)
        if console
        else _for_machines(level, stream, worker),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    if worker:
        structlog.contextvars.bind_contextvars(worker=worker)
    # Libraries use the standard module; what they say below a warning is none of an admin's.
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(name)s: %(message)s")


def _for_people(stream: TextIO) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_control,
        structlog.dev.ConsoleRenderer(colors=stream.isatty()),
    ]


def _without_control(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    # Most is cleaned where it comes in; on a terminal the rest could move the cursor, or worse.
    return {
        key: clean(value) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


def _for_machines(level: int, stream: TextIO, worker: int) -> type[Any]:
    """A logger that writes JSON. Each call has its line: through a chain of processors that would
    cost as much as the call's decision, and three times of what it costs here."""
    write, encode = _writer(stream), msgspec.json.Encoder(enc_hook=str).encode
    which = {"worker": worker} if worker else {}

    def put(name: str, event: str, line: dict[str, Any]) -> None:
        line |= which
        line["event"], line["level"] = event, name
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        line["timestamp"] = f"{_second(seconds)}.{rest // 1000:06d}Z"
        if "exc_info" in line:
            line = dict(structlog.processors.format_exc_info(None, name, line))
        try:
            text = encode(line)
        except UnicodeEncodeError:
            text = encode(_plain(line))
        write(text + b"\n")

    class Logger(structlog.make_filtering_bound_logger(level)):  # type: ignore[misc]
        def _proxy_to_logger(self, name: str, event: str = "", /, **line: Any) -> None:
            put(name, event, {**self._context, **line})

        if level <= logging.INFO:
            # what calls have; to hand all its fields on once more would take a third of its time
            def info(self, event: str, /, *args: Any, **line: Any) -> None:
                if args or self._context:
                    super().info(event, *args, **line)
                else:
                    put("info", event, line)

    return Logger


@lru_cache(maxsize=1)
def _second(at: int) -> str:
    # to write out a time takes longer than all else of a line
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]


def _writer(stream: TextIO) -> Callable[[bytes], None]:
    binary = getattr(stream, "buffer", None)

    def write(line: bytes) -> None:
        if binary is None:
            stream.write(line.decode())
        else:
            binary.write(line)
            binary.flush()

    return write


def _plain(event: Mapping[str, object]) -> dict[str, object]:
    # one odd byte in a caller's name must not lose the line
    return {
        key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for key, value in event.items()
    }
