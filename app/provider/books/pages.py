"""Reconciliation of the books: `/provider/books`. Its runs, what they found, and who looks after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.provider.console import BILLING, VIEW, show
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import done, saved
from billing.books import service

LIST = "/provider/books"
MODES = {"new": lazy("What is new"), "full": lazy("Everything")}
WHAT = {
    "balance": lazy("Balance of the account"), "chain": lazy("Balance after an operation"),
    "held": lazy("Held by calls in progress"), "bucket": lazy("Minutes or guaranteed payment below zero"),
    "mgp": lazy("Rest of the guaranteed payment"), "posting": lazy("Lines of an operation"),
    "counter": lazy("Counter-account of an operation"), "line": lazy("Line without its operation"),
    "days": lazy("Sum of the days"), "day": lazy("Sum of one day"), "payment": lazy("Payment and its operation"),
    "unpaid": lazy("Incoming operation without a payment"), "call": lazy("Cost of a call and its operation"),
    "correction": lazy("Correction and its operation"), "unasked": lazy("Correction that nobody asked for"),
    "no_call": lazy("Operation of a call that is not there"), "shared": lazy("One operation used twice")}
VALUES = {"no posting": lazy("no operation"), "no line": lazy("no line"), "no lines": lazy("no lines"),
          "a posting": lazy("an operation"), "a payment": lazy("a payment"), "a call": lazy("a call"),
          "a correction": lazy("a correction"),
          "none": lazy("none"), "one call": lazy("one call"), "one payment": lazy("one payment"),
          "no such kind": lazy("no such kind")}
ACCOUNTS = {"domain": lazy("Customers"), "revenue": lazy("Revenue"), "payments": lazy("Payments"),
            "promised": lazy("Promised payments"), "corrections": lazy("Corrections")}
COLUMNS = (Column("at", lazy("Time")), Column("mode", lazy("Checked")),
           Column("domains", lazy("Domains"), numeric=True),
           Column("postings", lazy("Operations"), numeric=True, wide_only=True), Column("result", lazy("Result")))
DIFFERENCES = (Column("domain", lazy("Domain")), Column("what", lazy("What")), Column("ref", lazy("Number")),
               Column("expected", lazy("Should be"), numeric=True), Column("found", lazy("Is"), numeric=True))


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    mode: str
    started_at: datetime
    finished_at: datetime | None
    domains: int
    postings: int
    payments: int
    calls: int
    differences: int
    totals: dict[str, str]
    acknowledged_at: datetime | None
    acknowledged_by: str

    @property
    def seconds(self) -> Decimal | None:
        if self.finished_at is None:
            return None
        return Decimal(str(round((self.finished_at - self.started_at).total_seconds(), 1)))

    @property
    def sums(self) -> dict[str, Money]:
        return {account: Money.parse(total) for account, total in self.totals.items()}


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    domain_id: int
    domain: str
    what: str
    ref: str
    expected: str
    found: str


_RUN = ("SELECT id, mode, started_at, finished_at, domains, postings, payments, calls, differences, totals, "
        "acknowledged_at, acknowledged_by FROM books_run")


class BooksPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            total = await tx.fetchval("SELECT count(*) FROM books_run")
            rows = await tx.fetch(f"{_RUN} ORDER BY id DESC LIMIT $1 OFFSET $2", query.limit, query.offset)
        return await show(request, "provider/books/list.html", found=Page([Run(**row) for row in rows], total, query),
                          modes=MODES)

    @get("/{run_id:int}")
    async def card(self, request: Request, run_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=DIFFERENCES, filters=(Filter("what", lazy("What"), WHAT),))
        async with platform_transaction(request.user.actor) as tx:
            run = await _run(tx, run_id)
            rows, total = await _differences(tx, run_id, query)
        return await show(request, "provider/books/card.html", run=run, found=Page(rows, total, query), modes=MODES,
                          what=WHAT, values=VALUES, accounts=ACCOUNTS)

    @post("/check", opt=BILLING)
    async def check(self, request: Request) -> Response:
        """Everything, by the worker; one at a time."""
        if await request.app.state.jobs.enqueue_job("books_check", _job_id="books_check") is None:
            raise Refused("running", _("The books are being checked at this moment"))
        return done(_("The check has begun; its result appears here."))

    @post("/{run_id:int}/acknowledge", opt=BILLING)
    async def acknowledge(self, request: Request, run_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.acknowledge(tx, run_id)
        return saved(request, f"{LIST}/{run_id}", _("The warning is gone until the next difference."))


async def _run(tx: PlatformTx, run_id: int) -> Run:
    row = await tx.fetchrow(f"{_RUN} WHERE id = $1", run_id)
    if row is None:
        raise NotFound("books_run", _("There is no such run"))
    return Run(**row)


async def _differences(tx: PlatformTx, run_id: int, query: ListQuery) -> tuple[list[DifferenceRow], int]:
    where = "WHERE b.run_id = $1 AND ($2::text IS NULL OR b.what = $2)"
    arguments = [run_id, query.value("what") or None]
    total = await tx.fetchval(f"SELECT count(*) FROM books_difference b {where}", *arguments)
    rows = await tx.fetch(
        "SELECT b.domain_id, d.name AS domain, b.what, b.ref, b.expected, b.found FROM books_difference b "
        f"JOIN domain d ON d.id = b.domain_id {where} ORDER BY d.name, b.what, b.ref LIMIT $3 OFFSET $4",
        *arguments, query.limit, query.offset)
    return [DifferenceRow(**row) for row in rows], total


CONTROLLERS = [BooksPages]
