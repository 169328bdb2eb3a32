"""The scheme of a user: in the own area `/me/forwarding`, for administrators `/users/<id>/forwarding` [FWD-01, 34]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _
from app.web.shell import fragment, is_htmx, page, saved
from tenants.forwarding import service
from tenants.forwarding.forms import RuleForm, VoicemailForm
from tenants.forwarding.present import KINDS, clock_text, day_names, drawing
from tenants.forwarding.rules import MAX_PERIODS, PRIORITIES, RING_SECONDS, Kind, Rule, default_priority
from tenants.journal import owner_of_page
from tenants.live import form_of, row_id

_NEW = Rule(0, Kind.MOBILE)
_CHOICES = {kind.value: KINDS[kind] for kind in (Kind.MOBILE, Kind.LANDLINE, Kind.SIP)}


async def _ask(request: Request, user_id: int | None, rule_id: int | None) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        scheme = await service.scheme_of(tx, owner.user_id)
    rule = scheme.rule(row_id(rule_id)) if rule_id is not None else _NEW
    action = f"{owner.base}/forwarding" + (f"/{rule.id}" if rule.id else "")
    return await page(
        request, "forwarding/rule.html", rule=rule, action=action, base=owner.base, choices=_CHOICES,
        address=f"{scheme.login}@{scheme.domain}", is_main=rule.kind is Kind.MAIN, days=day_names(),
        priority=rule.priority if rule.id else default_priority(scheme.rules), ring_limits=RING_SECONDS,
        priority_limits=PRIORITIES, max_periods=MAX_PERIODS,
        periods=[(sorted(one.days), clock_text(one.start), clock_text(one.end)) for one in rule.periods])


async def _save(request: Request, user_id: int | None, rule_id: int | None) -> Response | Template:
    form = await form_of(request, RuleForm)
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        if rule_id is None:
            await service.add_rule(tx, owner.user_id, form.command())
        else:
            rule = (await service.scheme_of(tx, owner.user_id)).rule(row_id(rule_id))
            await service.change_rule(tx, owner.user_id, rule.id, form.command(is_main=rule.kind is Kind.MAIN))
    return await _answer(request, user_id)


async def _ask_delete(request: Request, user_id: int | None, rule_id: int) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        drawn = await drawing(tx, owner.user_id, owner.base)
        (await service.scheme_of(tx, owner.user_id)).rule(row_id(rule_id))
    card = next(one for one in drawn.cards if one.id == rule_id)
    return await page(request, "forwarding/delete.html", card=card, base=owner.base)


async def _delete(request: Request, user_id: int | None, rule_id: int) -> Response | Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        await service.delete_rule(tx, owner.user_id, row_id(rule_id))
    return await _answer(request, user_id)


async def _choose(request: Request, user_id: int | None) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        drawn = await drawing(tx, owner.user_id, owner.base)
    return await page(request, "forwarding/choose.html", drawing=drawn)


async def _voicemail(request: Request, user_id: int | None) -> Response | Template:
    form = await form_of(request, VoicemailForm)
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        await service.set_voicemail(tx, owner.user_id, form.voicemail_on)
    return await _answer(request, user_id)


async def _answer(request: Request, user_id: int | None) -> Response | Template:
    """The block as it is now; it stands on two tabs."""
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        drawn = await drawing(tx, owner.user_id, owner.base)
    message = _("Saved; it holds from the next call.")
    if not is_htmx(request):
        return saved(request, owner.base, message)
    told = {"toast": {"text": message, "kind": "success"}, "modal-close": True}
    return fragment("forwarding/saved.html", "#forwarding", after=told, drawing=drawn)


class UserForwarding(Controller):
    path = "/users/{user_id:int}/forwarding"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/new")
    async def ask_new(self, request: Request, user_id: FromPath[int]) -> Template:
        return await _ask(request, user_id, None)

    @post("/", status_code=200)
    async def add(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        return await _save(request, user_id, None)

    @get("/rules")
    async def choose(self, request: Request, user_id: FromPath[int]) -> Template:
        return await _choose(request, user_id)

    @get("/{rule_id:int}")
    async def ask(self, request: Request, user_id: FromPath[int], rule_id: FromPath[int]) -> Template:
        return await _ask(request, user_id, rule_id)

    @post("/{rule_id:int}", status_code=200)
    async def change(self, request: Request, user_id: FromPath[int], rule_id: FromPath[int]) -> Response | Template:
        return await _save(request, user_id, rule_id)

    @get("/{rule_id:int}/delete")
    async def ask_delete(self, request: Request, user_id: FromPath[int], rule_id: FromPath[int]) -> Template:
        return await _ask_delete(request, user_id, rule_id)

    @post("/{rule_id:int}/delete", status_code=200)
    async def delete(self, request: Request, user_id: FromPath[int], rule_id: FromPath[int]) -> Response | Template:
        return await _delete(request, user_id, rule_id)

    @post("/voicemail", status_code=200)
    async def voicemail(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        return await _voicemail(request, user_id)


class OwnForwarding(Controller):
    path = "/me/forwarding"
    opt = {"permission": Permission.PERSONAL}

    @get("/new")
    async def ask_new(self, request: Request) -> Template:
        return await _ask(request, None, None)

    @post("/", status_code=200)
    async def add(self, request: Request) -> Response | Template:
        return await _save(request, None, None)

    @get("/rules")
    async def choose(self, request: Request) -> Template:
        return await _choose(request, None)

    @get("/{rule_id:int}")
    async def ask(self, request: Request, rule_id: FromPath[int]) -> Template:
        return await _ask(request, None, rule_id)

    @post("/{rule_id:int}", status_code=200)
    async def change(self, request: Request, rule_id: FromPath[int]) -> Response | Template:
        return await _save(request, None, rule_id)

    @get("/{rule_id:int}/delete")
    async def ask_delete(self, request: Request, rule_id: FromPath[int]) -> Template:
        return await _ask_delete(request, None, rule_id)

    @post("/{rule_id:int}/delete", status_code=200)
    async def delete(self, request: Request, rule_id: FromPath[int]) -> Response | Template:
        return await _delete(request, None, rule_id)

    @post("/voicemail", status_code=200)
    async def voicemail(self, request: Request) -> Response | Template:
        return await _voicemail(request, None)


CONTROLLERS = [UserForwarding, OwnForwarding]
