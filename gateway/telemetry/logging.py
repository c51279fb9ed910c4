"""Logs: structured records of ours and of every library, rendered alike and without secrets.

Text for people on a terminal, one JSON object a line for machines. Which secrets are taken out is decided in
`security.redaction`. Servers and workers call `configure_logging`. Where nobody does, in commands and in applications
that use our clients, records go to the standard library's loggers: without handlers, warnings to standard error.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from gateway.config import Settings
from gateway.security.redaction import redact_record

# Libraries that report, at their info level, what nobody asked about.
QUIET_LOGGERS = ("alembic", "asyncio", "sqlalchemy", "urllib3")

_COMMON: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)

_REDACTED: tuple[Processor, ...] = (
    # Before redaction: messages of exceptions are where libraries quote URLs and headers.
    structlog.processors.format_exc_info,
    redact_record,
)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger called `name`; safe at import time, it takes up the configuration at its first record."""
    if not structlog.is_configured():
        # As the library comes it prints everything on standard output, secrets too.
        structlog.configure(
            processors=[structlog.stdlib.filter_by_level, *_COMMON, *_REDACTED, *_plain()],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            logger_factory=structlog.stdlib.LoggerFactory(),
            cache_logger_on_first_use=False,
        )
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def log_context(**fields: object) -> AbstractContextManager[object]:
    """Inside the block, every record of this thread or task carries `fields` (`request_id`, `event_id`, …)."""
    return structlog.contextvars.bound_contextvars(**fields)


def configure_logging(settings: Settings, stream: TextIO) -> None:
    """Send all records of at least `settings.log_level` to `stream`, in `settings.log_format`.

    Without a format set: text when `stream` is a terminal, else JSON. May be called again; the last call counts.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(_json() if is_json(settings, stream) else _text(stream)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def is_json(settings: Settings, stream: TextIO) -> bool:
    """Whether `configure_logging` writes JSON to `stream`."""
    return settings.log_format == "json" or (settings.log_format is None and not stream.isatty())


def warn_of_settings(settings: Settings) -> None:
    """Tell of variables that are probably misspelt. For servers and workers, at their start."""
    for fault in settings.unknown_variables:
        get_logger(__name__).warning(fault)


def _formatter(renderers: list[Processor]) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_COMMON,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_REDACTED,
            *renderers,
        ],
    )


def _plain() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback), _encodable]


def _text(stream: TextIO) -> list[Processor]:
    colors = stream.isatty()
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=40
        ),
        _encodable,
    ]


def _encodable(_logger: Any, _method: str, line: Any) -> str:
    """Half of a character, which text from outside may have, would fail the whole line."""
    return str(line).encode("utf-8", "backslashreplace").decode("utf-8")


def _json() -> list[Processor]:
    # "event" is a word of the domain; what happened stands under "message". ASCII only, so that no text breaks a line.
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()]
