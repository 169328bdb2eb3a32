"""`GET /pbx/authorise`: asked by a node's dialplan before an outside call is placed.

The answer is one line of text. "unavailable" (503) is neither allow nor deny: the database cannot be asked, and
the node then does what it does when the panel is away.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
import structlog
from litestar import Request, Response, get

from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.db import DB
from app.kernel.metrics import AUTHORISE, AUTHORISE_SECONDS
from app.settings import settings
from pbx_provisioning.authorise.question import Answer, BadQuestion, Deny, Question, read_question
from pbx_provisioning.authorise.service import authorise

log = structlog.get_logger()

PATIENCE_SECONDS = 1.2  # the node waits 1.5 s: what is not answered by then must not leave a hold
_AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
         asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError)


@get("/pbx/authorise", opt={"permission": Permission.NODE, "csrf_exempt": True}, include_in_schema=False)
async def authorise_call(request: Request[Any, Any, Any]) -> Response[str]:
    began = time.perf_counter()
    status, line = 200, "deny|error"
    try:
        question = _question(request)
        answer = await _answer(question)
        line = answer.line()
        AUTHORISE.labels(answer.reason if isinstance(answer, Deny) else "allow").inc()
    except BadQuestion as bad:
        log.warning("authorise_refused", why=str(bad), client=request.client.host if request.client else "")
        AUTHORISE.labels("forged").inc()
    except _AWAY as error:
        log.warning("authorise_unavailable", error=repr(error)[:200])
        AUTHORISE.labels("unavailable").inc()
        status, line = 503, "unavailable"
    except Exception:
        log.exception("authorise_failed")
        AUTHORISE.labels("error").inc()
    AUTHORISE_SECONDS.observe(time.perf_counter() - began)
    return Response(line, status_code=status, media_type="text/plain")


def _question(request: Request[Any, Any, Any]) -> Question:
    known = settings()
    return read_question(dict(request.query_params), key1=known.node_key1, key2=known.node_key2,
                         now=clock.now().timestamp())


async def _answer(question: Question) -> Answer:
    with structlog.contextvars.bound_contextvars(domain_id=question.domain_id, call_id=question.uniqueid):
        async with asyncio.timeout(PATIENCE_SECONDS):
            if DB.pool is None:
                raise ConnectionError("the database was never reached")
            answer = await authorise(question)
        if isinstance(answer, Deny):
            log.info("call_denied", reason=answer.reason, user_id=question.user_id)
        return answer


CONTROLLERS = [authorise_call]
