"""Logging of every process: readable lines on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["configure_logging"]

# arq logs the start and the end of every job, which would fill the log at thousands of records a
# second.
_QUIET = {"arq": logging.WARNING, "httpx": logging.WARNING, "alembic": logging.WARNING}


def configure_logging(level: str, *, process: str) -> None:
    """Send the standard library's logging to standard error at `level`.

    Each line names `process`.
    """
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.EventRenamer("message"),
                lambda _logger, _method, event: {**event, "process": process},
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, threshold in _QUIET.items():
        logging.getLogger(name).setLevel(threshold)
