"""Background work as the console sees it: runs of jobs, events of the outbox, letters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.db import PlatformTx
from app.web.lists import ListQuery

STUCK = timedelta(minutes=30)  # "running" longer than any job's timeout: its worker is gone


@dataclass(frozen=True, slots=True)
class JobRow:
    id: int
    job: str
    arguments: list
    key: str
    state: str
    tries: int
    error: str | None
    started_at: datetime
    finished_at: datetime | None

    @property
    def is_periodic(self) -> bool:
        """It comes again by itself: there is nothing to repeat."""
        return self.key.startswith("cron:")

    def may_retry(self, now: datetime) -> bool:
        stuck = self.state == "running" and now - self.started_at > STUCK
        return not self.is_periodic and (self.state == "failed" or stuck)


@dataclass(frozen=True, slots=True)
class EventRow:
    """`given_up`: no more tries by itself."""

    id: int
    domain_id: int | None
    domain: str | None
    kind: str
    tries: int
    error: str | None
    created_at: datetime
    due_at: datetime
    given_up: bool


@dataclass(frozen=True, slots=True)
class MailRow:
    id: int
    domain_id: int | None
    domain: str | None
    recipient: str
    subject: str
    state: str
    tries: int
    error: str | None
    created_at: datetime
    sent_at: datetime | None


async def jobs(tx: PlatformTx, query: ListQuery) -> tuple[list[JobRow], int]:
    where = ("FROM job_run WHERE ($1::text IS NULL OR job ILIKE $1 OR key ILIKE $1 OR error ILIKE $1) "
             "AND ($2::text IS NULL OR state = $2)")
    arguments = [query.like(), query.value("state") or None]
    total = await tx.fetchval(f"SELECT count(*) {where}", *arguments)
    rows = await tx.fetch(
        f"SELECT id, job, arguments, key, state, tries, error, started_at, finished_at {where} "
        f"ORDER BY {query.order_by('id DESC')} LIMIT $3 OFFSET $4", *arguments, query.limit, query.offset)
    return [JobRow(**row) for row in rows], total


async def events(tx: PlatformTx, query: ListQuery) -> tuple[list[EventRow], int]:
    """Events that failed at least once and are not through."""
    where = ("FROM outbox_event e LEFT JOIN domain d ON d.id = e.domain_id WHERE e.error IS NOT NULL "
             "AND ($1::text IS NULL OR e.kind ILIKE $1 OR d.name ILIKE $1 OR e.error ILIKE $1)")
    total = await tx.fetchval(f"SELECT count(*) {where}", query.like())
    rows = await tx.fetch(
        "SELECT e.id, e.domain_id, d.name AS domain, e.kind, e.tries, e.error, e.created_at, e.due_at, "
        f"e.done_at IS NOT NULL AS given_up {where} ORDER BY e.id DESC LIMIT $2 OFFSET $3",
        query.like(), query.limit, query.offset)
    return [EventRow(**row) for row in rows], total


async def mails(tx: PlatformTx, query: ListQuery) -> tuple[list[MailRow], int]:
    where = ("FROM mail_message m LEFT JOIN domain d ON d.id = m.domain_id "
             "WHERE ($1::text IS NULL OR m.recipient ILIKE $1 OR m.subject ILIKE $1 OR d.name ILIKE $1) "
             "AND ($2::text IS NULL OR m.state = $2)")
    arguments = [query.like(), query.value("state") or None]
    total = await tx.fetchval(f"SELECT count(*) {where}", *arguments)
    rows = await tx.fetch(
        "SELECT m.id, m.domain_id, d.name AS domain, m.recipient, m.subject, m.state, m.tries, m.error, "
        f"m.created_at, m.sent_at {where} ORDER BY m.created_at DESC, m.id DESC LIMIT $3 OFFSET $4",
        *arguments, query.limit, query.offset)
    return [MailRow(**row) for row in rows], total
