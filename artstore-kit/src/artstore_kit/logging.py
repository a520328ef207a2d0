"""Logs: one JSON object a line by default, coloured text for a developer's terminal."""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from artstore_kit import tracing

LogFormat = Literal["json", "text"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if trace_id := tracing.current_trace_id():
        event.setdefault("trace_id", trace_id)
    return event


def configure(
    *, service: str, level: LogLevel, log_format: LogFormat, stream: TextIO | None = None
) -> None:
    """Send every record of this process, libraries' included, to standard output."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    renderer = _json_lines(service) if log_format == "json" else _text_lines()
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # alembic narrates every start; aiohttp and uvicorn repeat what the request line already says.
    for name in ("alembic", "aiohttp", "asyncio", "uvicorn.error", "stamina"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _json_lines(service: str) -> list[Processor]:
    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return [
        add_service,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _text_lines() -> list[Processor]:
    # The default shows local variables, secrets among them, wherever `rich` is installed.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; pass `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
