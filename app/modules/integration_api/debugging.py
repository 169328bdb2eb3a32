"""Test requests of both directions and their log [API-50…59]. Nothing here places calls, changes settings or counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.audit import history
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import Refused
from app.kernel.i18n import _
from app.modules.integration_api import inbound, network, rules, samples, service
from app.modules.integration_api.answers import Fields, File, domain_name
from app.modules.integration_api.delivery import CONTENT_TYPE, encoded, headers_of
from app.modules.integration_api.inbound import Asked
from app.modules.integration_api.methods import METHODS, ApiError, Code
from app.settings import settings as installation

TO_CRM, FROM_CRM = "to_crm", "from_crm"
KEPT, KEPT_DAYS = 1000, 30
SHOWN = frozenset({"content-type", "x-client-id", "x-client-sign", "user-agent", "host", "content-length"})


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    at: datetime
    method: str
    direction: str
    ip: str
    request: str
    response: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test. `text`: the answer, or why there is none."""

    ok: bool
    text: str


def reason_of(away: network.Unreachable, seconds: float) -> str:
    """Why there was no answer, in the reader's words [API-59]."""
    return {
        "timeout": _("No answer within %(n)s s.") % {"n": f"{seconds:g}"},
        "not_found": _("The host was not found."), "not_public": _("The address is not a public one."),
        "refused": _("The connection was refused."), "tls": _("The certificate is not trusted."),
        "redirect": _("A redirect was not followed."),
    }.get(away.code, _("The connection was broken off."))


def _shown(head: str, headers: Mapping[str, str], body: str) -> str:
    return "\n".join([head, *(f"{name}: {value}" for name, value in headers.items()), "", body])


async def send_test(actor: Actor, key: str) -> Tried:
    """Raises Refused: there is no address to send to; KeyError: no such test."""
    test = next(one for one in samples.TESTS if one.key == key)
    async with domain_transaction(actor) as tx:
        own = await service.load(tx)
        if not own.test_address:
            raise Refused("no_address", _("Fill in the address of the external system first."))
        body = encoded(samples.request_of(key, await domain_name(tx), tx.now)).encode()
        allowed = await network.allowed_networks(tx)
    headers = headers_of(own, body)
    request = _shown(f"POST {'https' if own.test_ssl else 'http'}://{own.test_address}/{test.method}", headers,
                     body.decode())
    ip, done = "", Tried(False, "")
    try:
        found = await network.post(own.test_address, test.method, body, headers, seconds=own.test_seconds,
                                   certificate=own.certificate, is_tls=own.test_ssl, allowed=allowed)
        text = found.body.decode("utf-8", "replace").replace("\0", "")
        ip, done = found.ip, Tried(found.is_good, _shown(f"HTTP {found.status}", found.headers, text))
    except network.Unreachable as away:
        done = Tried(False, reason_of(away, own.test_seconds))
    async with domain_transaction(actor) as tx:
        await _write(tx, test.method, TO_CRM, ip, request, done.text, done.ok)
    return done


async def ask_test(actor: Actor, method: str, body: str) -> Tried:
    """"Send" of the panel: the request with both headers and a correct signature, as the tester's system would."""
    raw = body.encode()
    async with domain_transaction(actor) as tx:
        own = await service.load(tx)
    headers = {"Content-Type": CONTENT_TYPE} | headers_of(own, raw)
    url = test_url(own.test_ssl, method)
    try:
        found = await _answer(Asked(method, own.client_id, headers["X-Client-Sign"], raw, actor.ip), own)
        done = Tried(True, _body_of(found))
    except ApiError as error:
        done = Tried(False, encoded(error.body()))
    async with domain_transaction(actor) as tx:
        await _write(tx, method, FROM_CRM, actor.ip, _shown(f"POST {url}", headers, body),
                     _shown("HTTP 200", {"Content-Type": CONTENT_TYPE}, done.text), done.ok)
    return done


def test_url(is_tls: bool, method: str) -> str:
    host = installation().public_url.partition("://")[2]
    return f"{'https' if is_tls else 'http'}://{host}/pbx-api/test/{method}"


async def answer_test(asked: Asked, url: str, headers: Mapping[str, str]) -> Fields:
    """The test address: checks as in earnest, canned answers. Raises ApiError."""
    own = await inbound.authenticate(asked)
    status, fields, error = 200, None, None
    try:
        fields = await _answer(asked, own)
        text = _body_of(fields)
    except ApiError as refused:
        error, status, text = refused, refused.status, encoded(refused.body())
    if asked.method in METHODS:
        async with domain_transaction(Actor.system(own.domain_id, "integration_api")) as tx:
            await _write(tx, asked.method, FROM_CRM, asked.ip,
                         _shown(f"POST {url}", headers, asked.body.decode("utf-8", "replace")),
                         _shown(f"HTTP {status}", {"Content-Type": CONTENT_TYPE}, text), error is None)
    if error is not None:
        raise error
    assert fields is not None
    return fields


async def _answer(asked: Asked, own: service.Settings) -> Fields:
    if asked.method not in samples.BODIES:
        raise ApiError(Code.PARAMETERS, "there is no such method", 404)
    inbound.parsed(asked.body)
    async with domain_transaction(Actor.system(own.domain_id, "integration_api")) as tx:
        domain = await domain_name(tx)
    return samples.canned(asked.method, domain, installation().public_url)


def _body_of(fields: Fields) -> str:
    if isinstance(fields, File):
        return _("File %(name)s, %(n)s bytes") % {"name": fields["name"], "n": len(fields["content"])}
    return json.dumps({"result": "0", "resultMessage": "", **fields}, ensure_ascii=False)


# ---------------------------------------------------------------- log


async def _write(tx: DomainTx, method: str, direction: str, ip: str, request: str, response: str, ok: bool) -> None:
    """The signing key is never part of it: only signatures are."""
    await service.load(tx, lock=True)
    await tx.execute("INSERT INTO api_test_log (domain_id, at, method, direction, ip, request, response, ok) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", tx.domain_id, tx.now, method, direction, ip,
                     _storable(request), _storable(response), ok)
    await tx.execute(
        "DELETE FROM api_test_log WHERE domain_id = $1 AND (at < $2 OR id <= (SELECT id FROM api_test_log "
        "WHERE domain_id = $1 ORDER BY id DESC OFFSET $3 LIMIT 1))", tx.domain_id,
        tx.now - timedelta(days=KEPT_DAYS), KEPT)


def _storable(text: str) -> str:
    return text.replace("\0", "")[:rules.MAX_BODY * 2]


async def log(tx: DomainTx, *, method: str = "", direction: str = "", limit: int = 200) -> list[Line]:
    """Newest first [API-56, API-57]."""
    rows: list[Any] = await tx.fetch(
        "SELECT id, at, method, direction, ip, request, response, ok FROM api_test_log WHERE domain_id = $1 "
        "AND ($2 = '' OR method = $2) AND ($3 = '' OR direction = $3) ORDER BY id DESC LIMIT $4", tx.domain_id, method,
        direction, limit)
    return [Line(*row) for row in rows]


async def clear(tx: DomainTx) -> None:
    await service.load(tx)
    await tx.execute("DELETE FROM api_test_log WHERE domain_id = $1", tx.domain_id)
    await history.record(tx, "api_log_cleared", "integration_api", object_name=_("Integration API"))
