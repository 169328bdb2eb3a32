"""Corrections of a balance: `/provider/corrections`. Asked for in two steps; above the limit another person decides."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Annotated, Literal

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field, field_validator

from app.kernel import parameters
from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.provider.console import BILLING, VIEW, asked_id, asks_candidates, domain_form, form_of, show
from app.provider.corrections import queries, service
from app.provider.domains.queries import no_page
from app.provider.fields import Line, Reference, plain_text
from app.provider.numbers.queries import candidates
from app.provider.payments.queries import payee as payee_of
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery, Page, clean
from app.web.shell import done

LIST = "/provider/corrections"
STATES = {"pending": lazy("Waits for another person"), "posted": lazy("Posted at once"), "confirmed": lazy("Confirmed"),
          "rejected": lazy("Rejected"), "withdrawn": lazy("Withdrawn")}
BADGES = {"pending": "warning", "posted": "success", "confirmed": "success", "rejected": "danger",
          "withdrawn": "secondary"}
COLUMNS = (Column("at", lazy("Time"), "c.created_at"), Column("domain", lazy("Domain"), "d.name"),
           Column("amount", lazy("Amount"), "c.amount", numeric=True), Column("reason", lazy("Why"), wide_only=True),
           Column("author", lazy("Who"), "c.author_name", wide_only=True), Column("state", lazy("State"), "c.state"),
           Column("actions", ""))
FILTERS = (Filter("state", lazy("State"), STATES),)


class CorrectionForm(FormModel):
    """The amount is above zero; the direction gives its sign."""

    domain_id: Reference
    direction: Literal["credit", "debit"]
    amount: Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=2)]
    reason: Annotated[str, Field(min_length=3, max_length=200)]
    form_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
    q: str = ""  # what was typed to find the domain

    @field_validator("reason")
    @classmethod
    def _text(cls, value: str) -> str:
        return plain_text(value)

    def correction(self) -> service.NewCorrection:
        amount = self.amount if self.direction == "credit" else -self.amount
        return service.NewCorrection(self.domain_id, Money(amount), self.reason, self.form_id)


class RejectForm(FormModel):
    answer: Annotated[Line, Field(min_length=3, max_length=200)]


class CorrectionPages(Controller):
    """List, request, decision."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="-at")
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.corrections(tx, query)
            limit = await parameters.get(tx, "correction.limit")
        return await show(request, "provider/corrections/list.html", found=Page(rows, total, query), states=STATES,
                          badges=BADGES, me=request.user.actor.id, limit=Money(limit))

    @get("/new", opt=BILLING)
    async def new(self, request: Request) -> Template:
        """The dialog; `domain` chooses one beforehand, `q` narrows the search."""
        text = clean(request.query_params.get("q", ""))
        chosen = asked_id(request, "domain")
        async with platform_transaction(request.user.actor) as tx:
            payee = await payee_of(tx, chosen) if chosen is not None else None
            found = await candidates(tx, text, limit=8)
        if asks_candidates(request):
            return await show(request, "provider/numbers/candidates.html", found=found)
        return await show(request, "provider/corrections/new.html", payee=payee, found=found, text=text,
                          form_id=secrets.token_hex(8))

    @post("/check", opt=BILLING)
    async def check(self, request: Request) -> Template:
        """Old and new balance, and whether another person is needed; nothing is posted yet."""
        form = await domain_form(request, CorrectionForm)
        new = form.correction()
        async with platform_transaction(request.user.actor) as tx:
            payee = await payee_of(tx, new.domain_id)
            waits = await service.must_wait(await tx.enter_domain(new.domain_id), new.amount)
            limit = await parameters.get(tx, "correction.limit")
        return await show(request, "provider/corrections/confirm.html", form_of=form, new=new, payee=payee,
                          after=payee.balance + new.amount, waits=waits, limit=Money(limit))

    @post("/", opt=BILLING)
    async def ask(self, request: Request) -> Response:
        new = (await domain_form(request, CorrectionForm)).correction()
        async with platform_transaction(request.user.actor) as tx:
            state = await service.ask(tx, new)
        return done(_("The correction is posted.") if state == "posted" else _("Another person must confirm it now."),
                    refresh_list=True, events={"balance-changed": new.domain_id})

    @get("/{number:int}/decide/{what:str}", opt=BILLING)
    async def ask_decision(self, request: Request, number: FromPath[int], what: FromPath[str]) -> Template:
        """The dialog of `confirm`, `reject` or `withdraw`."""
        if what not in ("confirm", "reject", "withdraw"):
            raise no_page()
        async with platform_transaction(request.user.actor) as tx:
            row = await queries.correction(tx, number)
            payee = await payee_of(tx, row.domain_id)
        return await show(request, "provider/corrections/decide.html", row=row, payee=payee,
                          after=payee.balance + row.sum, what=what)

    @post("/{number:int}/confirm", opt=BILLING)
    async def confirm(self, request: Request, number: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            domain_id = await service.confirm(tx, number)
        return done(_("Confirmed: the correction is posted."), refresh_list=True,
                    events={"balance-changed": domain_id})

    @post("/{number:int}/reject", opt=BILLING)
    async def reject(self, request: Request, number: FromPath[int]) -> Response:
        form = await form_of(request, RejectForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.reject(tx, number, form.answer)
        return done(_("The request is rejected."), refresh_list=True)

    @post("/{number:int}/withdraw", opt=BILLING)
    async def withdraw(self, request: Request, number: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.withdraw(tx, number)
        return done(_("The request is withdrawn."), refresh_list=True)


CONTROLLERS = [CorrectionPages]
