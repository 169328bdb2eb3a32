"""The page of one user for the administrator, `/users/<id>`, and one's own page, `/me` [USR-53…64, ACC-25…36]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth import sessions
from app.auth.permissions import Permission
from app.kernel.actors import ActorKind
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.shell import done, page, saved
from billing.services import service as services
from tenants.destinations import registry
from tenants.forwarding.present import drawing
from tenants.live import applying, form_of, row_id
from tenants.numbers import outgoing
from tenants.users import credentials, fees, queries, service
from tenants.users.forms import AdministratorForm, OwnProfileForm, PasswordForm, ProfileForm, RestrictionForm
from tenants.users.operators import CONTACT_CENTRE
from tenants.users.present import RESTRICTIONS, restriction_options
from tenants.users.queries import UserCard
from tenants.users.rules import extension_warning
from tenants.users.tabs import CARD, OWN, tabs_of

LIST = "/users"
ME = "/me"
RECORDING, SPEECH = "recording", "speech"  # paid services; their sections are modules of their own


class UserCardPages(Controller):
    """Tab "Main": each block is saved on its own."""

    path = f"{LIST}/{{user_id:int}}"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def main(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, row_id(user_id))
            numbers = await outgoing.outgoing_choices(tx)
            of_domain = await outgoing.domain_outgoing(tx)
            scheme = await drawing(tx, user.id, f"{LIST}/{user.id}")
            has_contact_centre = await services.in_plan(tx, CONTACT_CENTRE)
            has_recording = await services.in_plan(tx, RECORDING)
            recording_closed = await services.closed(tx, RECORDING) if has_recording else None
            has_speech = has_recording and await services.in_plan(tx, SPEECH)
        online = await queries.online(request.user.actor.domain_id)
        return await page(request, "users/card.html", user=user, tabs=tabs_of(CARD, f"{LIST}/{user.id}"),
                          numbers=numbers, of_domain=of_domain,
                          restriction_options=restriction_options(user.domain_restriction),
                          restrictions=RESTRICTIONS, is_online=user.id in online, drawing=scheme,
                          has_contact_centre=has_contact_centre, has_recording=has_recording,
                          recording_closed=recording_closed, has_speech=has_speech)

    @post("/", status_code=200)
    async def save(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, ProfileForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.update_profile(tx, row_id(user_id), form.command())
            user = await queries.card(tx, user_id)
        await sessions.change_person(ActorKind.DOMAIN_USER, request.user.actor.domain_id, user.id,
                                     name=user.display_name)
        url, warning = f"{LIST}/{user_id}", extension_warning(user.extension)
        if not form.extension:  # the field must show what was assigned
            return saved(request, url, _("Saved; the extension is %(extension)s.") % {"extension": user.extension})
        return applying(request, f"{_('Saved.')} {warning}".strip(), url=url,
                        kind="warning" if warning else "success", template="users/card_saved.html", user=user,
                        restrictions=RESTRICTIONS)

    @post("/restriction", status_code=200)
    async def restrict(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, RestrictionForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.set_restriction(tx, row_id(user_id), form.command())
            user = await queries.card(tx, user_id)
        return applying(request, _("Saved."), url=f"{LIST}/{user_id}", template="users/card_saved.html", user=user,
                        restrictions=RESTRICTIONS)

    @get("/administrator")
    async def ask_administrator(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, row_id(user_id))
        return await page(request, "users/administrator.html", user=user)

    @post("/administrator", status_code=200)
    async def set_administrator(self, request: Request, user_id: FromPath[int]) -> Response:
        form = await form_of(request, AdministratorForm)
        actor = request.user.actor
        async with domain_transaction(actor) as tx:
            await service.set_administrator(tx, row_id(user_id), form.is_admin)
        await sessions.end_sessions(ActorKind.DOMAIN_USER, actor.domain_id, user_id, request.user.session_id)
        return saved(request, f"{LIST}/{user_id}", _("The role is changed; it holds from the next sign-in."))

    @get("/password")
    async def ask_password(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, row_id(user_id))
        return await page(request, "users/password.html", user=user, action=f"{LIST}/{user_id}/password", own=False)

    @post("/password", status_code=200)
    async def set_password(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, PasswordForm)
        user = request.user
        async with domain_transaction(user.actor) as tx:
            await credentials.set_password(tx, row_id(user_id), form.checked(), keep_session=user.session_id)
        await sessions.end_sessions(ActorKind.DOMAIN_USER, user.actor.domain_id, user_id, user.session_id)
        return applying(request, _("The password is changed. Phones must be given the new one."),
                        url=f"{LIST}/{user_id}", close_modal=True)

    @get("/delete")
    async def ask_delete(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, row_id(user_id))
            affected = await registry.pointers(tx, "user", user_id)
            saving = await fees.monthly_saving(tx, [user_id])
        return await page(request, "users/delete.html", user=user, saving=saving, affected=affected)

    @post("/delete", status_code=200)
    async def delete(self, request: Request, user_id: FromPath[int]) -> Response:
        actor = request.user.actor
        async with domain_transaction(actor) as tx:
            name = await service.delete_user(tx, row_id(user_id))
        await sessions.end_sessions(ActorKind.DOMAIN_USER, actor.domain_id, user_id)
        return saved(request, LIST, _("%(name)s is deleted.") % {"name": name})


class OwnPages(Controller):
    """The personal area: what everybody may see and change about themselves [ACC-25…36]."""

    path = ME
    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def main(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, _own_id(request))
            of_domain = await outgoing.domain_outgoing(tx)
            scheme = await drawing(tx, user.id, ME)
        return await page(request, "users/me.html", user=user, tabs=tabs_of(OWN, ME), of_domain=of_domain,
                          drawing=scheme)

    @post("/", status_code=200)
    async def save(self, request: Request) -> Response:
        form = await form_of(request, OwnProfileForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.update_own_profile(tx, _own_id(request), display_name=form.display_name, email=form.email,
                                             notify_voicemail=form.notify_voicemail)
        await sessions.change_person(ActorKind.DOMAIN_USER, request.user.actor.domain_id, _own_id(request),
                                     name=form.display_name)
        return saved(request, ME, _("Saved."))

    @get("/password")
    async def ask_password(self, request: Request) -> Template:
        user: UserCard
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, _own_id(request))
        return await page(request, "users/password.html", user=user, action=f"{ME}/password", own=True)

    @post("/password", status_code=200)
    async def set_password(self, request: Request) -> Response:
        form = await form_of(request, PasswordForm)
        user = request.user
        async with domain_transaction(user.actor) as tx:
            await credentials.change_own_password(tx, _own_id(request), current=form.current, password=form.checked(),
                                                  keep_session=user.session_id)
        await sessions.end_sessions(ActorKind.DOMAIN_USER, user.actor.domain_id, user.actor.user_id, user.session_id)
        return done(_("The password is changed. Phones must be given the new one."))


def _own_id(request: Request) -> int:
    """A pool's administrator inside a domain is nobody there."""
    user_id = request.user.actor.user_id
    if not user_id:
        raise NotFound("user", _("There is no such user"))
    return user_id
