"""How a process writes its log; called once where it starts, never by an import."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import TextIO

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
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_for_people(stream) if console else _FOR_MACHINES),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    if worker:
        structlog.contextvars.bind_contextvars(worker=worker)
    # Libraries use the standard module; what they say below a warning is none of an admin's.
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(name)s: %(message)s")


def _for_people(stream: TextIO) -> list[Processor]:
    return [_without_control, structlog.dev.ConsoleRenderer(colors=stream.isatty())]


def _without_control(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    # Most is cleaned where it comes in; on a terminal the rest could move the cursor, or worse.
    return {
        key: clean(value) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


def _as_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    return msgspec.json.encode(_plain(event), enc_hook=str).decode()


def _plain(event: Mapping[str, object]) -> dict[str, object]:
    # one odd byte in a caller's name must not lose the line
    return {
        key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for key, value in event.items()
    }


_FOR_MACHINES: list[Processor] = [structlog.processors.format_exc_info, _as_json]
