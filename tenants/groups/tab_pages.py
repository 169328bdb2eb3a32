"""The other tabs of a group: call settings, calls and voicemail, faxes [GRP-59…73]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import files
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.exports import file_answer
from app.web.shell import page, saved
from tenants import journal as journals
from tenants.calls.personal.audio_page import mp3_answer
from tenants.calls.personal.present import DIRECTIONS, talk_time
from tenants.faxes import queries as faxes
from tenants.faxes.present import KINDS as FAX_KINDS
from tenants.faxes.present import STATES, event_text
from tenants.groups import journal, queries, service
from tenants.groups.forms import CallSettingsForm
from tenants.groups.present import KINDS
from tenants.groups.tabs import LIST, tabs
from tenants.live import form_of, row_id
from tenants.sounds import prompts


class CallSettingsPages(Controller):
    """Greeting, voicemail, ringback melody [GRP-59…63]."""

    path = f"{LIST}/{{group_id:int}}/settings"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def show(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
            known = await prompts.find(tx, service.prompt_ids(group))
        sounds = {slot: known.get(number or 0) for slot, number in group.prompts.items()}
        return await page(request, "groups/settings.html", group=group, tabs=tabs(group.id), sounds=sounds)

    @post("/", status_code=200)
    async def save(self, request: Request, group_id: FromPath[int]) -> Response:
        form = await form_of(request, CallSettingsForm)
        async with domain_transaction(request.user.actor) as tx:
            for slot in service.SLOTS:
                await service.set_prompt(tx, row_id(group_id), slot, getattr(form, slot))
            await service.set_voicemail(tx, group_id, is_on=form.voicemail_on, greets=form.voicemail_greeting_on)
        return saved(request, f"{LIST}/{group_id}/settings", _("Saved."))


class GroupCallPages(Controller):
    path = f"{LIST}/{{group_id:int}}/calls"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
        return await journals.show_of(
            request, lambda tx: journal.owner(tx, group.id), journal.CALLS, "groups/calls.html", "/calls", group=group,
            tabs=tabs(group.id), kinds=KINDS, directions=DIRECTIONS, talk_time=talk_time,
            short_time=journals.short_time)

    @get("/{line_id:int}/audio")
    async def audio(self, request: Request, group_id: FromPath[int], line_id: FromPath[int]) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            found = await journal.audio_of(tx, row_id(group_id), row_id(line_id))
            if found is None:
                raise NotFound("recording", _("There is no such recording."))
            file_id, started_at, number = found
            stored = await files.load(tx, file_id)
        return await mp3_answer(request, stored, started_at, number)


class GroupFaxPages(Controller):
    """A group receives only [GRP-70]."""

    path = f"{LIST}/{{group_id:int}}/faxes"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
        return await journals.show_of(
            request, lambda tx: journal.owner(tx, group.id), faxes.FAXES, "groups/faxes.html", "/faxes", group=group,
            tabs=tabs(group.id), kinds=FAX_KINDS, states=STATES, long_time=journals.long_time)

    @get("/{fax_id:int}/document")
    async def document(self, request: Request, group_id: FromPath[int], fax_id: FromPath[int]) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            owner = await journal.owner(tx, row_id(group_id))
            stored = await files.load(tx, await faxes.pdf_of(tx, owner, row_id(fax_id)))
        return file_answer(stored.content, stored.name, "application/pdf")

    @get("/{fax_id:int}/protocol")
    async def protocol(self, request: Request, group_id: FromPath[int], fax_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            owner = await journal.owner(tx, row_id(group_id))
            events = await faxes.protocol(tx, owner, row_id(fax_id))
        lines = [(journals.long_time(one.at), event_text(one.event, one.facts)) for one in events]
        return await page(request, "faxes/protocol.html", owner=owner, lines=lines)


CONTROLLERS = [CallSettingsPages, GroupCallPages, GroupFaxPages]
