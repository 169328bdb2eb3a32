"""Structured logs: one line per event, with request, domain and call ids where they are known.

Ids are bound with `structlog.contextvars.bind_contextvars(request_id=…, domain_id=…, call_id=…)`.
"""

from __future__ import annotations

import logging
import sys

import structlog

SECRET_WORDS = ("password", "secret", "token", "ha1", "authorization", "cookie")


def _hide_secrets(_logger: object, _name: str, event: dict) -> dict:
    for key in event:
        if any(word in key.lower() for word in SECRET_WORDS):
            event[key] = "***"
    return event


def configure(*, json_lines: bool, level: int = logging.INFO) -> None:
    """Once per process, before anything logs."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]
    renderer = (structlog.processors.JSONRenderer(ensure_ascii=False) if json_lines
                else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True,
        wrapper_class=structlog.stdlib.BoundLogger)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.access", "httpx", "arq.worker"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
