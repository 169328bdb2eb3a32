"""Numbers and routing: one scheme per number and its windows: `/routing` [RTE-01…09, RTE-50…56, NUM-10…26]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.kernel.sql import like_text
from app.web import menu
from app.web.lists import clean
from app.web.menu import MenuItem
from app.web.shell import page
from billing.services import channels
from tenants.destinations import picker, registry
from tenants.destinations.model import Destination
from tenants.forwarding.present import clock_text, day_names
from tenants.live import applying, form_of, row_id
from tenants.numbers import outgoing, shop
from tenants.routing import present, queries, service
from tenants.routing.forms import TARGETS, CopyForm, EntryForm, OrderForm, RuleForm, SettingsForm
from tenants.routing.rules import MAX_PERIODS, Rule

LIST = "/routing"
PAGE_SIZE = 20
LIST_NAMES = {"black": lazy("Black list"), "white": lazy("White list")}

menu.register("domain", MenuItem("numbers", lazy("Routing"), LIST, "route", Permission.NUMBERS_EDIT, "", 90))


class RoutingPages(Controller):
    """Schemes; the settings, the lists and the rules of one number."""

    path = LIST
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def show(self, request: Request) -> Template:
        search = clean(request.query_params.get("q", ""))
        digits = "".join(ch for ch in search if ch.isdigit())
        sheet = request.query_params.get("page", "1")
        place = max(1, int(sheet[:6])) if sheet.isascii() and sheet.isdigit() else 1
        async with domain_transaction(request.user.actor) as tx:
            numbers, total = await queries.numbers(tx, like=like_text(search) if search else None, digits=digits,
                                                   limit=PAGE_SIZE, offset=(place - 1) * PAGE_SIZE)
            schemes = await present.schemes(tx, numbers)
            of_domain = await outgoing.domain_outgoing(tx)
            count = total if not search else (await queries.numbers(tx, limit=0))[1]
            lines = await channels.limits(tx)
            can_buy = await shop.has_shop(tx)
        return await page(request, "routing/list.html", schemes=schemes, total=total, count=count, search=search,
                          place=place, places=max(1, -(-total // PAGE_SIZE)), of_domain=of_domain,
                          incoming=lines[channels.INCOMING], outgoing=lines[channels.OUTGOING], can_buy=can_buy)

    @get("/{number_id:int}")
    async def ask_settings(self, request: Request, number_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            number = await queries.number(tx, row_id(number_id))
            counts = await queries.counts(tx, number.id)
        return await page(request, "routing/settings.html", number=number, counts=counts)

    @post("/{number_id:int}", status_code=200)
    async def save_settings(self, request: Request, number_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, SettingsForm)
        number_id = row_id(number_id)
        return await _changed(request, number_id, lambda tx: service.save_settings(
            tx, number_id, mode=form.mode(), is_default=form.is_default), _("Saved."))

    @get("/{number_id:int}/new")
    async def ask_new(self, request: Request, number_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await _window(tx, await queries.number(tx, row_id(number_id)), None)
        return await page(request, "routing/rule.html", **found)

    @post("/{number_id:int}/new", status_code=200)
    async def add(self, request: Request, number_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, RuleForm)
        number_id, data = row_id(number_id), form.command(is_new=True)
        return await _changed(request, number_id, lambda tx: service.add_rule(tx, number_id, data),
                              _("The rule is added."), data.target)

    @post("/{number_id:int}/order", status_code=200)
    async def reorder(self, request: Request, number_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, OrderForm)
        number_id = row_id(number_id)
        return await _changed(request, number_id, lambda tx: service.reorder(tx, number_id, form.order),
                              _("The order is saved."), closes=False)

    @get("/{number_id:int}/copy")
    async def ask_copy(self, request: Request, number_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            number = await queries.number(tx, row_id(number_id))
            others = [(one.id, one.shown) for one in (await queries.numbers(tx))[0] if one.id != number.id]
        return await page(request, "routing/copy.html", number=number, others=others)

    @post("/{number_id:int}/copy", status_code=200)
    async def copy(self, request: Request, number_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, CopyForm)
        return await _changed(request, form.number_id, lambda tx: service.copy_rules(
            tx, row_id(number_id), form.number_id), _("The rules are copied."))


class RulePages(Controller):
    """The window of a rule."""

    path = f"{LIST}/rules/{{rule_id:int}}"
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def ask(self, request: Request, rule_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            number_id, rule = await queries.rule(tx, row_id(rule_id))
            found = await _window(tx, await queries.number(tx, number_id), rule)
        return await page(request, "routing/rule.html", **found)

    @post("/", status_code=200)
    async def save(self, request: Request, rule_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, RuleForm)
        number_id, data = await _number_of(request, rule_id), form.command(is_new=False)
        return await _changed(request, number_id, lambda tx: service.change_rule(tx, rule_id, data),
                              _("The rule is saved."), data.target)

    @get("/delete")
    async def ask_delete(self, request: Request, rule_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            number_id, rule = await queries.rule(tx, row_id(rule_id))
            number = await queries.number(tx, number_id)
        return await page(request, "routing/delete.html", number=number, rule=rule)

    @post("/delete", status_code=200)
    async def delete(self, request: Request, rule_id: FromPath[int]) -> Response | Template:
        number_id = await _number_of(request, rule_id)
        return await _changed(request, number_id, lambda tx: service.delete_rule(tx, rule_id),
                              _("The rule is deleted."))


class ListPages(Controller):
    """The window of a black or white list [NUM-26]."""

    path = f"{LIST}/{{number_id:int}}/{{which:str}}"
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def show(self, request: Request, number_id: FromPath[int], which: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await _entries(tx, row_id(number_id), which)
        return await page(request, "routing/entries.html", **found)

    @post("/", status_code=200)
    async def add(self, request: Request, number_id: FromPath[int], which: FromPath[str]) -> Response | Template:
        form = await form_of(request, EntryForm)
        return await self._done(request, number_id, which, lambda tx: service.add_entry(
            tx, number_id, which, form.value), _("The number is in the list."))

    @post("/delete", status_code=200)
    async def remove(self, request: Request, number_id: FromPath[int], which: FromPath[str]) -> Response | Template:
        form = await form_of(request, EntryForm)
        return await self._done(request, number_id, which, lambda tx: service.remove_entry(
            tx, number_id, which, form.value), _("The number is not in the list any more."))

    @staticmethod
    async def _done(request: Request, number_id: int, which: str, change: Callable[[DomainTx], Awaitable[object]],
                    message: str) -> Response | Template:
        _known(which)
        async with domain_transaction(request.user.actor) as tx:
            await change(tx)
            found = await _entries(tx, row_id(number_id), which)
        return applying(request, message, url=f"{LIST}/{number_id}/{which}", template="routing/listed.html", **found)


async def _entries(tx: DomainTx, number_id: int, which: str) -> dict[str, Any]:
    _known(which)
    return {"number": await queries.number(tx, number_id), "which": which, "title": LIST_NAMES[which],
            "entries": await queries.entries(tx, number_id, which)}


def _known(which: str) -> None:
    if which not in LIST_NAMES:
        raise NotFound("not_found", _("There is no such page."))


async def _number_of(request: Request, rule_id: int) -> int:
    async with domain_transaction(request.user.actor) as tx:
        return (await queries.rule(tx, row_id(rule_id)))[0]


async def _window(tx: DomainTx, number: queries.NumberRow, rule: Rule | None) -> dict[str, Any]:
    """Of a new rule or of one that is there [RTE-50, RTE-51]."""
    kinds = await picker.offered(tx, TARGETS)
    card = present.target(rule.target, await registry.names(tx, [rule.target] if rule.target else [])) if rule else None
    periods = [(sorted(one.days), clock_text(one.start), clock_text(one.end)) for one in (rule.periods if rule else ())]
    return {"number": number, "rule": rule, "card": card, "kinds": kinds, "periods": periods, "days": day_names(),
            "max_periods": MAX_PERIODS, "summary": present.summary(rule.periods) if rule else ""}


async def _changed(request: Request, number_id: int, change: Callable[[DomainTx], Awaitable[object]], message: str,
                   target: Destination | None = None, *, closes: bool = True) -> Response | Template:
    """The scheme is drawn anew where it stands; the outgoing mark may have left another one.

    What a reader should know of the `target` that was chosen is said with the message [RTE-35].
    """
    async with domain_transaction(request.user.actor) as tx:
        warning = await registry.dialled_warning(tx, target) if target else ""
        before = await tx.fetchval("SELECT default_number_id FROM domain WHERE id = $1", tx.domain_id)
        await change(tx)
        after = await tx.fetchval("SELECT default_number_id FROM domain WHERE id = $1", tx.domain_id)
        ids = {number_id} | ({one for one in (before, after) if one is not None} if before != after else set())
        schemes = [await present.scheme(tx, one) for one in sorted(ids)]
    return applying(request, f"{message} {warning}".strip(), url=LIST, template="routing/changed.html",
                    kind="warning" if warning else "success", close_modal=closes, schemes=schemes)


CONTROLLERS = [RoutingPages, RulePages, ListPages]
