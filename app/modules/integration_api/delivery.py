"""Requests to the customer's system: queued, signed, sent in order within a call, repeated, journalled, replayable
[API-03…07, API-45…47, DECISION of 1.5].
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog

from app.kernel import letters
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy, speaking
from app.modules.integration_api import network, rules, service
from app.modules.integration_api.methods import METHODS
from app.modules.integration_api.service import Settings

log = structlog.get_logger()

ACTOR = Actor.system(name="integration_api")
SECONDS = 5.0  # of one attempt
PAUSES = (1, 5, 25)  # seconds after each attempt; when the last is over it is dropped
TRIES = 3
AT_ONCE, OF_ONE_DOMAIN = 40, 8
HOLD = timedelta(seconds=30)  # so long a message is nobody else's
KEPT_DAYS = 30
CONTENT_TYPE = "application/json; charset=utf-8"

letters.letter(
    "api_quota", lazy("Quota of the integration API is used up"),
    lazy("Integration API: quota of {{ method }} is used up"),
    lazy("Domain: {{ domain }}\n\nThe hourly quota of the method {{ method }} is used up: {{ limit }} requests. "
         "Further requests of this hour are lost.\n"),
    domain="company.pbx.example", method="call_events", limit="1000")


@dataclass(frozen=True, slots=True)
class Due:
    id: int
    domain_id: int
    method: str
    body: bytes
    tries: int


def encoded(body: dict[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False)


def headers_of(settings: Settings, body: bytes) -> dict[str, str]:
    return {"Content-Type": CONTENT_TYPE, "X-Client-ID": settings.client_id,
            "X-Client-Sign": rules.sign(settings.client_id, body, settings.key)}


async def enqueue(tx: DomainTx, method: str, body: dict[str, object], *, session: UUID | None = None, event: str = "",
                  seq: int | None = None) -> None:
    """Queue a request if the service and the method are on; what is beyond the quota is dropped and says so."""
    settings = await service.of_domain(tx, tx.domain_id)
    if settings is None or not settings.is_on or not settings.is_method_on(method):
        return
    if seq is not None and await tx.fetchval("SELECT EXISTS (SELECT FROM api_message WHERE domain_id = $1 AND "
                                             "session_id = $2 AND event_seq = $3)", tx.domain_id, session, seq):
        return
    within = await service.count(tx, method)
    await tx.execute(
        "INSERT INTO api_message (domain_id, session_id, method, event, body, state, error, event_seq, created_at, "
        "due_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6::text, $7, $8, $9::timestamptz, $9, CASE WHEN $6 = 'dropped' "
        "THEN $9 END)",
        tx.domain_id, session, method, event, encoded(body), "queued" if within else "dropped",
        "" if within else "quota", seq, tx.now)
    if not within:
        await tell_quota(tx, method)


async def replay(tx: DomainTx, message_id: int) -> None:
    """Send a message of the journal once more, as it was [ARCHITECTURE 8]. Raises NotFound."""
    done = await tx.fetchval(
        "INSERT INTO api_message (domain_id, session_id, method, event, body, replay_of, created_at, due_at) "
        "SELECT domain_id, session_id, method, event, body, id, $3, $3 FROM api_message WHERE domain_id = $1 "
        "AND id = $2 RETURNING id", tx.domain_id, message_id, tx.now)
    if done is None:
        raise NotFound("message", _("There is no such message."))


async def tell_quota(tx: DomainTx, method: str) -> None:
    """One letter per method and day [API-47]."""
    first = await tx.fetchval("INSERT INTO api_quota_letter (domain_id, method, day) VALUES ($1, $2, $3) "
                              "ON CONFLICT DO NOTHING RETURNING 1", tx.domain_id, method, tx.now.date())
    row = await tx.fetchrow("SELECT name, locale, timezone, notification_email FROM domain WHERE id = $1", tx.domain_id)
    if first is None or row is None or not row["notification_email"]:
        return
    limit = (await service.usage(tx))[method].limit
    with speaking(row["locale"], row["timezone"]):
        name = f"{METHODS[method].label} ({method})"
    await letters.queue(tx, "api_quota", row["notification_email"], row["locale"], zone=row["timezone"],
                        domain=row["name"], method=name, limit=str(limit))


# ---------------------------------------------------------------- sending

_CLAIM = """
UPDATE api_message m SET taken_until = $1::timestamptz + $2::interval FROM (
    SELECT id FROM (
        SELECT q.id, row_number() OVER (PARTITION BY q.domain_id ORDER BY q.id) AS place FROM api_message q
        WHERE q.state = 'queued' AND q.due_at <= $1 AND (q.taken_until IS NULL OR q.taken_until < $1)
        AND NOT EXISTS (SELECT FROM api_message e WHERE e.domain_id = q.domain_id AND e.session_id = q.session_id
                        AND e.state = 'queued' AND e.id < q.id)
    ) heads WHERE place <= $3 ORDER BY id LIMIT $4
) due WHERE m.id = due.id AND m.state = 'queued' AND (m.taken_until IS NULL OR m.taken_until < $1)
RETURNING m.id, m.domain_id, m.method, m.body, m.tries
"""


async def deliver_due() -> int:
    """Send what is due, calls side by side, one message of a call at a time. How many were tried."""
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch(_CLAIM, tx.now, HOLD, OF_ONE_DOMAIN, AT_ONCE)
        settings = {domain_id: await service.of_domain(tx, domain_id)
                    for domain_id in {row["domain_id"] for row in rows}} if rows else {}
        allowed = await network.allowed_networks(tx) if rows else ()
    due = [Due(row["id"], row["domain_id"], row["method"], row["body"].encode(), row["tries"]) for row in rows]
    await asyncio.gather(*(_deliver(one, settings[one.domain_id], allowed) for one in due))
    return len(due)


async def _deliver(due: Due, settings: Settings | None, allowed: tuple[rules.Network, ...]) -> None:
    if settings is None:
        return  # the service was disconnected meanwhile: the row is gone with it
    status, answer, error = None, "", ""
    if not settings.is_on:
        error = "off"
    else:
        try:
            found = await network.post(settings.external_address, due.method, due.body, headers_of(settings, due.body),
                                       seconds=SECONDS, certificate=settings.certificate, allowed=allowed)
            status, answer = found.status, found.body[:2000].decode("utf-8", "replace").replace("\0", "")
            error = "" if found.is_good else "status"
        except network.Unreachable as away:
            error = away.code
    async with platform_transaction(ACTOR) as tx:
        await _note(tx, due, status, answer, error)


async def _note(tx: PlatformTx, due: Due, status: int | None, answer: str, error: str) -> None:
    tries = due.tries + 1
    state = "sent" if not error else "dropped" if tries >= TRIES or error == "off" else "queued"
    await tx.execute(
        "UPDATE api_message SET tries = $3, status = $4, answer = $5, error = $6, state = $7, taken_until = NULL, "
        "due_at = $8, ended_at = CASE WHEN $7 <> 'queued' THEN $9::timestamptz END WHERE domain_id = $1 AND id = $2 "
        "AND state = 'queued'",
        due.domain_id, due.id, tries, status, answer, error, state,
        tx.now + timedelta(seconds=PAUSES[min(tries, len(PAUSES)) - 1]), tx.now)
    if state == "dropped":
        log.info("api_message_dropped", domain_id=due.domain_id, method=due.method, error=error)


async def pump(stop: asyncio.Event) -> None:
    """Until told to stop; the database may be away."""
    while not stop.is_set():
        try:
            busy = await deliver_due()
        except Exception as error:
            log.warning("api_delivery_waits", error=repr(error)[:200])
            busy = 0
            await asyncio.sleep(2)
        if not busy:
            try:
                await asyncio.wait_for(stop.wait(), 0.25)
            except TimeoutError:
                continue


# ---------------------------------------------------------------- journal


@dataclass(frozen=True, slots=True)
class Sent:
    """One line of the journal of working messages."""

    id: int
    method: str
    event: str
    session: str
    state: str
    tries: int
    status: int | None
    error: str
    body: str
    answer: str
    created_at: object
    is_replay: bool


async def journal(tx: DomainTx, *, limit: int = 100) -> list[Sent]:
    rows: list[asyncpg.Record] = await tx.fetch(
        "SELECT id, method, event, session_id, state, tries, status, error, body, answer, created_at, replay_of "
        "FROM api_message WHERE domain_id = $1 ORDER BY id DESC LIMIT $2", tx.domain_id, limit)
    return [Sent(row["id"], row["method"], row["event"], str(row["session_id"] or ""), row["state"], row["tries"],
                 row["status"], row["error"], row["body"], row["answer"], row["created_at"],
                 row["replay_of"] is not None) for row in rows]
