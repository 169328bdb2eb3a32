"""The page of general settings: `/settings` [SET-01…31]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.response import Template

from app.auth import sessions
from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _, language, lazy
from app.web import menu
from app.web.menu import MenuItem
from app.web.shell import page
from tenants.live import applying, form_of
from tenants.numbers.outgoing import domain_outgoing, outgoing_choices
from tenants.settings import queries, service
from tenants.settings.forms import SettingsForm
from tenants.settings.rules import zone_choices
from tenants.settings.tabs import BASE, tabs
from tenants.users.present import RESTRICTIONS

LANGUAGE_NAMES = {"ru": lazy("Russian"), "en": lazy("English")}
DTMF = (
    ("transfer", lazy("Transfer of the call"), "#{code}# {number} #"),
    ("fax", lazy("Transfer to fax"), "#{code}#"),
    ("conference_add", lazy("Add to the conference"), "#{code}# {number} #"),
    ("conference_remove", lazy("Remove from the conference"), "#{code}# {number} #"),
    ("hold", lazy("Hold and take off hold"), "#{code}#"),
)

menu.register("domain", MenuItem("settings", lazy("General settings"), BASE, "settings", Permission.SETTINGS_EDIT,
                                 "", 10))


class SettingsPages(Controller):
    """Shown as one form, stored as one change."""

    path = BASE
    opt = {"permission": Permission.SETTINGS_EDIT}

    @get("/")
    async def show(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            settings = await queries.settings_of(tx, tx.domain_id)
            names = await queries.names_of(tx)
            numbers = await outgoing_choices(tx)
            main = await domain_outgoing(tx)
            zones = zone_choices(tx.now, language())
        if settings.timezone not in dict(zones):
            zones.insert(0, (settings.timezone, settings.timezone))
        return await page(request, "settings/general.html", settings=settings, names=names, numbers=numbers, main=main,
                          zones=zones, languages=LANGUAGE_NAMES, commands=DTMF, tabs=tabs(),
                          restrictions={one.value: text for one, text in RESTRICTIONS.items()})

    @post("/", status_code=200)
    async def save(self, request: Request) -> Response | Template:
        form = await form_of(request, SettingsForm)
        actor = request.user.actor
        async with domain_transaction(actor) as tx:
            settings = await service.save(tx, form.typed())
        await sessions.change_domain(actor.domain_id, timezone=settings.timezone)
        return applying(request, _("The settings are saved."), url=BASE)


CONTROLLERS = [SettingsPages]
