"""What external systems call: `/pbx-api/v1/<method>`, the test address, links to recordings [API-40, API-52]."""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from app.auth.edge import client_ip
from app.auth.permissions import Permission
from app.kernel import files
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.modules.integration_api import debugging, inbound, rules
from app.modules.integration_api.answers import Fields, File
from app.modules.integration_api.delivery import ACTOR, CONTENT_TYPE, encoded
from app.modules.integration_api.inbound import Asked
from app.modules.integration_api.methods import ApiError, Code

log = structlog.get_logger()

BASE, TEST_BASE = "/pbx-api/v1", "/pbx-api/test"
OPT = {"permission": Permission.PUBLIC, "api": True, "csrf_exempt": True}


async def asked_of(request: Request[Any, Any, Any], method: str) -> Asked:
    return Asked(method.strip("/"), request.headers.get("x-client-id", "").strip(),
                 request.headers.get("x-client-sign", "").strip(), await request.body(), client_ip(request))


def answered(fields: Fields) -> Response[Any]:
    if isinstance(fields, File):
        return Response(fields["content"], media_type="application/gzip", headers={
            "Content-Disposition": f'attachment; filename="{fields["name"]}"'})
    return told({"result": "0", "resultMessage": "", **fields}, 200)


def told(body: dict[str, object], status: int) -> Response[Any]:
    return Response(encoded(body).encode(), status_code=status, media_type=CONTENT_TYPE)


class IntegrationApi(Controller):
    """Without a session: a cookie is not looked at, only code and signature."""

    path = "/pbx-api"
    opt = OPT
    include_in_schema = False
    request_max_body_size = rules.MAX_BODY

    @post("/v1/{method:path}", status_code=200)
    async def work(self, request: Request, method: FromPath[str]) -> Response[Any]:
        asked = await asked_of(request, method)
        try:
            return answered(await inbound.answer(asked))
        except ApiError as error:
            return told(error.body(), error.status)
        except Exception:
            log.exception("integration_api_failed", method=method[:60])
            return told(ApiError(Code.INTERNAL, "internal error").body(), 200)

    @post("/test/{method:path}", status_code=200)
    async def test(self, request: Request, method: FromPath[str]) -> Response[Any]:
        """The same checks, canned answers, no effect; works while the service is off [API-53, API-54]."""
        asked = await asked_of(request, method)
        sent = {name.title(): value for name, value in request.headers.items() if name.lower() in debugging.SHOWN}
        try:
            return answered(await debugging.answer_test(asked, f"{request.base_url}".rstrip("/") + request.url.path,
                                                        sent))
        except ApiError as error:
            return told(error.body(), error.status)

    @get("/record/{token:str}")
    async def record(self, request: Request, token: FromPath[str]) -> Response[bytes]:
        """A recording by its temporary link [API-09, API-63]."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        async with platform_transaction(ACTOR) as tx:
            row = await tx.fetchrow("SELECT domain_id, file_id, host(ip) AS ip FROM api_record_link WHERE hash = $1 "
                                    "AND expires_at > $2", digest, tx.now)
        if row is None or (row["ip"] is not None and row["ip"] != client_ip(request)):
            raise NotFound("record", _("This link is not valid any more."))
        async with domain_transaction(Actor.system(row["domain_id"], "integration_api")) as tx:
            stored = await files.load(tx, row["file_id"])
        kind = "attachment" if "download" in request.query_params else "inline"
        return Response(stored.content, media_type=stored.media_type, headers={
            "Content-Disposition": f'{kind}; filename="record.mp3"', "Cache-Control": "no-store"})


CONTROLLERS = [IntegrationApi]
