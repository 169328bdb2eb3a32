"""Events of calls for the customer's system, files of the journal, what is tidied, the letter before a certificate ends
[API-03…07, API-13, API-14, API-60, API-69].
"""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from app.kernel import files, letters, outbox
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, platform_transaction
from app.kernel.i18n import lazy
from app.kernel.jobs import LOOPS, every
from app.modules.integration_api import calls, debugging, delivery, rules, service
from app.modules.integration_api.answers import EXPORT_ORDERED, FILE_DAYS, domain_name, moscow
from app.modules.integration_api.methods import CALL_EVENTS, FILE_COMPLETED
from tenants.calls import sessions

log = structlog.get_logger()

ACTOR = Actor.system(name="integration_api")
CALL_EVENT = "call_event"  # of the node's agent
TOLD_BEFORE = timedelta(days=14)
_CAUSES = {0: "normal", 16: "normal", 17: "busy", 18: "no_answer", 19: "no_answer", 20: "unavailable", 21: "rejected",
           1: "unknown_number", 28: "unknown_number", 31: "ended", 34: "no_channel"}

letters.letter(
    "api_certificate", lazy("The certificate of the external system expires"),
    lazy("Integration API: the certificate expires on {{ expires_at }}"),
    lazy("Domain: {{ domain }}\n\nThe server certificate of the external system ({{ certificate }}) that is uploaded "
         "on the page of the integration API expires on {{ expires_at }}. Requests to the external system will fail "
         "after that.\n"),
    domain="company.pbx.example", certificate="CN=crm.company.example", expires_at="2026-05-01")

LOOPS.append(delivery.pump)


def event_body(event: dict[str, Any]) -> dict[str, Any]:
    """`call_events` of what the node has told [API-60]."""
    domain, state = event["domain"], event["state"]
    caller = event["from_login"] or event["from_number"]
    called, pin = event["to_number"], ""
    if state in ("calling", "connected", "disconnected"):
        called, pin = event["number"] or event["login"] or called, event["pin"]
    body: dict[str, Any] = {
        "session_id": event["session_id"], "timestamp": moscow(datetime.fromtimestamp(event["at"], UTC)),
        "domain": domain, "type": event["type"], "state": state, "from_number": rules.sip_uri(caller, domain),
        "from_pin": event["from_pin"], "request_number": rules.sip_uri(called, domain), "request_pin": pin}
    if state in ("disconnected", "end"):
        body["disconnect_reason"] = _CAUSES.get(event["cause"], "failed")
    if state == "end":
        body["is_record"] = "true" if event["is_record"] else "false"
    return body


@outbox.on(CALL_EVENT)
async def _tell_call(tx: PlatformTx, domain_id: int | None, event: dict[str, Any]) -> None:
    assert domain_id is not None
    await delivery.enqueue(await tx.enter_domain(domain_id), CALL_EVENTS, event_body(event),
                           session=sessions.parse(event["session_id"]), event=event["state"], seq=event["seq"])


# ---------------------------------------------------------------- files of the journal


@outbox.on(EXPORT_ORDERED)
async def _make_file(tx: PlatformTx, domain_id: int | None, payload: dict[str, Any]) -> None:
    assert domain_id is not None
    bound = await tx.enter_domain(domain_id)
    row = await bound.fetchrow("SELECT id, filters FROM api_export WHERE domain_id = $1 AND id = $2 "
                               "AND state = 'queued' FOR NO KEY UPDATE", domain_id, payload["id"])
    if row is None:
        return  # made already, or the service was disconnected [API-25]
    filters = row["filters"]
    wanted = calls.Filters(datetime.fromisoformat(filters["since"]), datetime.fromisoformat(filters["until"]),
                           filters["direction"], filters["state"], filters["phone"])
    found = await calls.matching(bound, wanted, await domain_name(bound))
    content = await asyncio.to_thread(lambda: gzip.compress(calls.csv_lines(found).encode(), mtime=0))
    file_id = await files.store(bound, content, name=f"history_{row['id']}.csv.gz", media_type="application/gzip")
    await bound.execute("UPDATE api_export SET state = 'ready', file_id = $3, ready_at = $4, expires_at = $5 "
                        "WHERE domain_id = $1 AND id = $2", domain_id, row["id"], file_id, tx.now,
                        tx.now + timedelta(days=FILE_DAYS))
    await _tell_file(bound, row["id"])


async def _tell_file(tx: DomainTx, order_id: int, result: int = 0, message: str = "") -> None:
    await delivery.enqueue(tx, FILE_COMPLETED, {
        "order_id": str(order_id), "timestamp": moscow(tx.now), "result": result, "resultMessage": message})


# ---------------------------------------------------------------- tidying


async def tidy(_ctx: dict[str, Any]) -> None:
    """Expired files and links, old messages, counters of past hours."""
    async with platform_transaction(ACTOR) as tx:
        failed = await tx.fetch("UPDATE api_export SET state = 'failed' WHERE state = 'queued' AND created_at < $1 "
                                "RETURNING domain_id, id", tx.now - timedelta(days=1))
        for row in failed:
            await _tell_file(await tx.enter_domain(row["domain_id"]), row["id"], -1, "the file could not be made")
        await tx.execute("WITH old AS (UPDATE api_export e SET state = 'expired', file_id = NULL FROM api_export was "
                         "WHERE was.id = e.id AND e.expires_at < $1 AND e.file_id IS NOT NULL RETURNING was.file_id) "
                         "DELETE FROM file f USING old WHERE f.id = old.file_id", tx.now)
        await tx.execute("DELETE FROM api_record_link WHERE expires_at < $1", tx.now)
        await tx.execute("DELETE FROM api_message WHERE state <> 'queued' AND created_at < $1",
                         tx.now - timedelta(days=delivery.KEPT_DAYS))
        await tx.execute("DELETE FROM api_test_log WHERE at < $1", tx.now - timedelta(days=debugging.KEPT_DAYS))
        await tx.execute("DELETE FROM api_usage WHERE hour < $1", tx.now - timedelta(days=1))
        await tx.execute("DELETE FROM api_quota_letter WHERE day < $1", tx.now.date() - timedelta(days=2))


async def tell_certificates(_ctx: dict[str, Any]) -> None:
    """A letter 14 days before the uploaded certificate ends, once."""
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch(
            "SELECT s.domain_id, s.external_cert, d.name, d.locale, d.timezone, d.notification_email "
            "FROM api_settings s JOIN domain d ON d.id = s.domain_id WHERE s.external_cert <> '' "
            "AND s.cert_told_at IS NULL AND d.notification_email <> ''")
        for row in rows:
            found = service.certificate_of(row["external_cert"])
            if found is None or found.expires_at - tx.now > TOLD_BEFORE:
                continue
            await letters.queue(tx, "api_certificate", row["notification_email"], row["locale"], zone=row["timezone"],
                                domain_id=row["domain_id"], domain=row["name"], certificate=found.subject,
                                expires_at=f"{found.expires_at:%Y-%m-%d}")
            await tx.execute("UPDATE api_settings SET cert_told_at = $2 WHERE domain_id = $1", row["domain_id"], tx.now)


every("tidy_integration_api", tidy, minute=25)
every("tell_api_certificates", tell_certificates, hour=6, minute=40)
