"""The web process: `uvicorn --factory app.asgi:serve`.

Run it with the server's own reading of X-Forwarded-For off; `TRUSTED_PROXIES` decides that here.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import MutableScopeHeaders
from litestar.logging.config import BaseLoggingConfig
from litestar.response import Template
from litestar.types import ExceptionHandler, GetLogger, Logger, Message, Scope

from app import features, health
from app.auth import hashing, store
from app.auth.guards import answer_not_signed_in, permission_guard, row_guard
from app.auth.middleware import RequestMiddleware, SessionMiddleware, request_id_of
from app.kernel import i18n
from app.kernel import logging as kernel_logging
from app.kernel.db import DB
from app.kernel.errors import AppError, NotSignedIn
from app.kernel.heap import collect_seldom
from app.kernel.i18n import _
from app.settings import settings
from app.web import pages as web_pages
from app.web import problems
from app.web.csrf import CsrfMiddleware
from app.web.security import security_headers
from app.web.shell import LocaleMiddleware
from app.web.templating import template_config

log = structlog.get_logger()

REOPEN_SECONDS = 2.0


class Logging(BaseLoggingConfig):
    """The process logs through `app.kernel.logging`; the framework adds no handler and no thread of its own."""

    log_exceptions = "always"
    disable_stack_trace = {400, 401, 403, 404, 405, 409, 413, 415, 422, 429}

    def __init__(self) -> None:
        self.exception_logging_handler = self._log_exception

    @staticmethod
    def _log_exception(logger: Logger, scope: Scope, _trace: list[str]) -> None:
        error = sys.exc_info()[1]
        where = {"path": scope["path"], "request_id": scope["state"].get("request_id", "")}
        if error is not None and health.is_unavailable(error):
            log.warning("server_away", error=repr(error)[:200], **where)
        else:
            log.error("defect", exc_info=True, **where)

    def configure(self) -> GetLogger:
        return logging.getLogger  # type: ignore[return-value]

    @staticmethod
    def set_level(logger: Any, level: int) -> None:
        logger.setLevel(level)


def answer_defect(request: Request, error: Exception) -> Response | Template:
    """What no handler of ours expected: a server that is away, or a defect. Never a stack trace."""
    if not health.is_unavailable(error):
        return problems.answer_defect(request, error)
    known = AppError("unavailable", _("The service does not answer at the moment; calls are not affected. "
                                      "Try again in a minute."))
    known.status_code = 503
    answer = problems.answer_app_error(request, known)
    answer.headers["Retry-After"] = "5"
    return answer


def _prepared(answer: ExceptionHandler) -> ExceptionHandler:
    """An address without a route passes no middleware: give its answer an id and a language."""

    def prepared(request: Request, error: Exception) -> Response:
        request_id_of(request)
        if "user" not in request.scope:
            i18n.set_language(i18n.negotiate(None, request.cookies.get("lang"),
                                             request.headers.get("accept-language")))
        return answer(request, error)  # type: ignore[return-value]

    return prepared


def _exception_handlers() -> dict[int | type[Exception], ExceptionHandler]:
    known = problems.HANDLERS | {NotSignedIn: answer_not_signed_in, 500: answer_defect}
    return {kind: _prepared(answer) for kind, answer in known.items()}  # type: ignore[misc, arg-type]


async def _add_request_id(message: Message, scope: Scope) -> None:
    if message["type"] == "http.response.start" and "request_id" in scope["state"]:
        MutableScopeHeaders.from_message(message)["X-Request-Id"] = scope["state"]["request_id"]


async def _open_database() -> None:
    """Until it answers: meanwhile pages say that the service is away, and `/readyz` says what is missing."""
    while DB.pool is None:
        try:
            await DB.open()
        except Exception as error:  # whatever the reason is, the next attempt may go through
            log.error("database_unreachable", error=repr(error)[:300])
            await asyncio.sleep(REOPEN_SECONDS)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Starts without its servers too, and connects as soon as they are there."""
    own_database = DB.pool is None
    app.state.jobs = store.client()  # `await request.app.state.jobs.enqueue_job(...)`, after the commit
    opening = asyncio.create_task(_open_database())
    await asyncio.wait([opening], timeout=REOPEN_SECONDS)
    await hashing.warm_up()
    try:
        yield
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        if own_database and DB.pool is not None:
            await DB.close()
        await store.close()


def create_app() -> Litestar:
    """The whole panel with every feature that is installed."""
    known = settings()
    kernel_logging.configure(json_lines=known.log_json)
    return Litestar(
        route_handlers=[*features.controllers(), *web_pages.ROUTES, *health.ROUTES],
        lifespan=[lifespan],
        guards=[permission_guard, row_guard],
        middleware=[RequestMiddleware(), SessionMiddleware(), LocaleMiddleware(), CsrfMiddleware()],
        exception_handlers=_exception_handlers(),
        before_send=[security_headers(is_secure=known.is_secure, form_targets=known.form_targets), _add_request_id],
        template_config=template_config(reload=known.environment == "development"),
        logging_config=Logging(),
        openapi_config=None,
        debug=False,
    )


def serve() -> Litestar:
    """For a process that does nothing else."""
    made = create_app()
    collect_seldom()
    return made
