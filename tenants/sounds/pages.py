"""Tab "Call settings" of the own area and of a user's page, and the domain's "Greetings and music".

[ACC-45…49, USR-79…89, SND-01…05]
"""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import LazyText, _, lazy
from app.web import menu
from app.web.forms import FormModel
from app.web.menu import MenuItem
from app.web.shell import fragment, is_htmx, page, saved
from app.web.uploads import read_upload
from tenants.forwarding.present import drawing
from tenants.journal import owner_of_page
from tenants.live import form_of, row_id
from tenants.settings.tabs import Tab as SettingsTab
from tenants.settings.tabs import register_tab as register_settings_tab
from tenants.settings.tabs import tabs as settings_tabs
from tenants.sounds import recording, service
from tenants.sounds.delivery import audio_answer
from tenants.sounds.service import KINDS, Audio, Original, Slot
from tenants.users import queries
from tenants.users.present import RESTRICTIONS, restriction_options
from tenants.users.tabs import CARD, OWN, Tab, register_tab

DOMAIN_SOUNDS = "/settings/sounds"

for _page in (OWN, CARD):
    register_tab(_page, Tab(lazy("Call settings"), "/calls-settings", 10))
register_settings_tab(SettingsTab(lazy("Greetings and music"), DOMAIN_SOUNDS, 20))
menu.register("domain", MenuItem("settings", lazy("Greetings and music"), DOMAIN_SOUNDS, "music",
                                 Permission.SETTINGS_EDIT, "", 30))

TITLES: dict[Slot, tuple[LazyText, LazyText, LazyText]] = {  # heading, who hears it, what holds without a file
    Slot.GREETING: (lazy("Voice greeting"), lazy("Callers hear it before the call is put through."),
                    lazy("No greeting: the phone rings at once.")),
    Slot.VM_GREETING: (lazy("Voicemail greeting"), lazy("Callers hear it before they leave a message."),
                       lazy("The system's greeting is played.")),
    Slot.RINGBACK: (lazy("Ringback melody"), lazy("Callers hear it while they wait for the answer."),
                    lazy("Callers hear the ringing tone.")),
    Slot.HOLD: (lazy("Hold melody"), lazy("Played to a party put on hold."), lazy("The domain's melody is played.")),
}
DOMAIN_HOLD = (lazy("Hold melody"), lazy("Played to a party that a user of the domain puts on hold."),
               lazy("The system's melody is played."))
STATES: dict[str, LazyText] = {
    "wanted": lazy("Calling your phone…"), "ringing": lazy("Your phone is ringing. Answer it."),
    "recording": lazy("Speak after the tone. Finish with # or hang up."), "done": lazy("The recording is kept."),
    "unanswered": lazy("The call was not answered; nothing has changed."),
    "empty": lazy("Nothing was recorded; nothing has changed."),
    "failed": lazy("Your phone could not be called: is it registered?"),
}
RUNNING = frozenset({"wanted", "ringing", "recording"})


@dataclass(frozen=True, slots=True)
class SlotView:
    """One block of the page; `url` is its address."""

    slot: Slot
    url: str
    title: LazyText
    subtitle: LazyText
    without: LazyText
    audio: Audio | None
    can_be_recorded: bool


class ExtensionForm(FormModel):
    extension: str = ""


class GreetingForm(FormModel):
    voicemail_greeting_on: bool = False


def _slot(name: str) -> Slot:
    try:
        return Slot(name)
    except ValueError:
        raise NotFound("audio", _("There is no such file.")) from None


async def _view(tx: DomainTx, user_id: int | None, base: str, slot: Slot) -> SlotView:
    texts = TITLES[slot] if user_id is not None else DOMAIN_HOLD
    url = f"{base}/calls-settings/{slot.value}" if user_id is not None else f"{DOMAIN_SOUNDS}/{slot.value}"
    found = await service.slots(tx, user_id)
    return SlotView(slot, url, *texts, found.get(slot), slot.can_be_recorded)


async def _show(request: Request, user_id: int | None) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        user = await queries.card(tx, owner.user_id)
        views = [await _view(tx, owner.user_id, owner.base, slot) for slot in Slot]
        drawn = await drawing(tx, owner.user_id, owner.base)
        greets = await tx.fetchval("SELECT voicemail_greeting_on FROM domain_user WHERE domain_id = $1 AND id = $2",
                                   tx.domain_id, owner.user_id)
    return await page(request, "sounds/call_settings.html", owner=owner, user=user, views=views, drawing=drawn,
                      greets=greets, restrictions=RESTRICTIONS, kinds=KINDS,
                      restriction_options=restriction_options(user.domain_restriction))


async def _subject(request: Request, tx: DomainTx, user_id: int | None, of_domain: bool) -> tuple[int | None, str]:
    if of_domain:
        return None, ""
    owner = await owner_of_page(request, tx, user_id)
    return owner.user_id, owner.base


async def _upload(request: Request, user_id: int | None, slot: Slot, *, of_domain: bool = False):
    form = await request.form()
    file = form.get("file")
    sent = await read_upload(file if isinstance(file, UploadFile) else None, kinds=KINDS)
    upload = Original(sent.name, sent.kind, sent.content)
    async with domain_transaction(request.user.actor) as tx:  # before the work: another's user costs nothing
        whose, _base = await _subject(request, tx, user_id, of_domain)
    sound = await service.converted(upload)
    async with domain_transaction(request.user.actor) as tx:
        await service.keep(tx, whose, slot, upload, sound)
    return await _answer(request, user_id, slot, _("Saved; it holds from the next call."), of_domain=of_domain)


async def _remove(request: Request, user_id: int | None, slot: Slot, *, of_domain: bool = False):
    async with domain_transaction(request.user.actor) as tx:
        whose, _base = await _subject(request, tx, user_id, of_domain)
        await service.remove(tx, whose, slot)
    return await _answer(request, user_id, slot, _("Deleted."), of_domain=of_domain)


async def _ask_remove(request: Request, user_id: int | None, slot: Slot, *, of_domain: bool = False) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        whose, base = await _subject(request, tx, user_id, of_domain)
        view = await _view(tx, whose, base, slot)
    if view.audio is None:
        raise NotFound("audio", _("There is no such file."))
    return await page(request, "sounds/delete.html", view=view)


async def _answer(request: Request, user_id: int | None, slot: Slot, message: str, *, of_domain: bool):
    async with domain_transaction(request.user.actor) as tx:
        whose, base = await _subject(request, tx, user_id, of_domain)
        view = await _view(tx, whose, base, slot)
    if not is_htmx(request):
        return saved(request, view.url.rpartition("/")[0], message)
    told = {"toast": {"text": message, "kind": "success"}, "modal-close": True}
    return fragment("sounds/slot_saved.html", f"#slot-{slot.value}", after=told, view=view)


async def _play(request: Request, user_id: int | None, slot: Slot, *, of_domain: bool = False) -> Response[bytes]:
    async with domain_transaction(request.user.actor) as tx:
        whose, _base = await _subject(request, tx, user_id, of_domain)
        stored = await service.original(tx, whose, slot)
    return audio_answer(request, stored)


async def _ask_record(request: Request, user_id: int | None, slot: Slot) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        view = await _view(tx, owner.user_id, owner.base, slot)
    if not slot.can_be_recorded:
        raise NotFound("audio", _("There is no such file."))
    return await page(request, "sounds/record.html", view=view, ask_extension=phone_of(request) is None)


async def _record(request: Request, user_id: int | None, slot: Slot) -> Template:
    form = await form_of(request, ExtensionForm)
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        ring = phone_of(request) or await by_extension(tx, form.extension)
        request_id = await recording.ask(tx, owner.user_id, ring, slot)
    return _state(f"{owner.base}/calls-settings/recording/{request_id}", "wanted", "")


async def _recording(request: Request, user_id: int | None, request_id: int) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        slot, state = await recording.state_of(tx, owner.user_id, row_id(request_id))
        view = await _view(tx, owner.user_id, owner.base, slot)
    return _state(f"{owner.base}/calls-settings/recording/{request_id}", state, slot.value,
                  view if state == "done" else None)


def _state(url: str, state: str, slot: str, view: SlotView | None = None) -> Template:
    return Template("sounds/recording.html", media_type="text/html; charset=utf-8", context={
        "url": url, "state": state, "text": STATES[state], "is_running": state in RUNNING, "slot": slot, "view": view})


def phone_of(request: Request) -> int | None:
    """Whose phone rings: that of the person who is signed in; who is nobody here names an extension [USR-83]."""
    return request.user.actor.user_id or None


async def by_extension(tx: DomainTx, extension: str) -> int:
    found = await tx.fetchval("SELECT id FROM domain_user WHERE domain_id = $1 AND extension = $2", tx.domain_id,
                              extension)
    if found is None:
        text = _("There is no user with this extension.")
        raise InvalidFields("extension", text, fields={"extension": text})
    return found


async def _greeting(request: Request, user_id: int | None) -> Response | Template:
    form = await form_of(request, GreetingForm)
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        await service.set_voicemail_greeting(tx, owner.user_id, form.voicemail_greeting_on)
    return await _answer(request, user_id, Slot.VM_GREETING, _("Saved; it holds from the next call."), of_domain=False)


class OwnCallSettings(Controller):
    path = "/me/calls-settings"
    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def show(self, request: Request) -> Template:
        return await _show(request, None)

    @post("/voicemail-greeting", status_code=200)
    async def greeting(self, request: Request) -> Response | Template:
        return await _greeting(request, None)

    @get("/recording/{request_id:int}")
    async def recording(self, request: Request, request_id: FromPath[int]) -> Template:
        return await _recording(request, None, request_id)

    @post("/{slot:str}", status_code=200, request_max_body_size=12 * 1024 * 1024)
    async def upload(self, request: Request, slot: FromPath[str]) -> Response | Template:
        return await _upload(request, None, _slot(slot))

    @get("/{slot:str}/audio")
    async def play(self, request: Request, slot: FromPath[str]) -> Response[bytes]:
        return await _play(request, None, _slot(slot))

    @get("/{slot:str}/delete")
    async def ask_delete(self, request: Request, slot: FromPath[str]) -> Template:
        return await _ask_remove(request, None, _slot(slot))

    @post("/{slot:str}/delete", status_code=200)
    async def delete(self, request: Request, slot: FromPath[str]) -> Response | Template:
        return await _remove(request, None, _slot(slot))

    @get("/{slot:str}/record")
    async def ask_record(self, request: Request, slot: FromPath[str]) -> Template:
        return await _ask_record(request, None, _slot(slot))

    @post("/{slot:str}/record", status_code=200)
    async def record(self, request: Request, slot: FromPath[str]) -> Template:
        return await _record(request, None, _slot(slot))


class UserCallSettings(Controller):
    path = "/users/{user_id:int}/calls-settings"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def show(self, request: Request, user_id: FromPath[int]) -> Template:
        return await _show(request, user_id)

    @post("/voicemail-greeting", status_code=200)
    async def greeting(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        return await _greeting(request, user_id)

    @get("/recording/{request_id:int}")
    async def recording(self, request: Request, user_id: FromPath[int], request_id: FromPath[int]) -> Template:
        return await _recording(request, user_id, request_id)

    @post("/{slot:str}", status_code=200, request_max_body_size=12 * 1024 * 1024)
    async def upload(self, request: Request, user_id: FromPath[int], slot: FromPath[str]) -> Response | Template:
        return await _upload(request, user_id, _slot(slot))

    @get("/{slot:str}/audio")
    async def play(self, request: Request, user_id: FromPath[int], slot: FromPath[str]) -> Response[bytes]:
        return await _play(request, user_id, _slot(slot))

    @get("/{slot:str}/delete")
    async def ask_delete(self, request: Request, user_id: FromPath[int], slot: FromPath[str]) -> Template:
        return await _ask_remove(request, user_id, _slot(slot))

    @post("/{slot:str}/delete", status_code=200)
    async def delete(self, request: Request, user_id: FromPath[int], slot: FromPath[str]) -> Response | Template:
        return await _remove(request, user_id, _slot(slot))

    @get("/{slot:str}/record")
    async def ask_record(self, request: Request, user_id: FromPath[int], slot: FromPath[str]) -> Template:
        return await _ask_record(request, user_id, _slot(slot))

    @post("/{slot:str}/record", status_code=200)
    async def record(self, request: Request, user_id: FromPath[int], slot: FromPath[str]) -> Template:
        return await _record(request, user_id, _slot(slot))


class DomainSounds(Controller):
    """The domain's melody: what holds for users without one of their own [SND-01]."""

    path = DOMAIN_SOUNDS
    opt = {"permission": Permission.SETTINGS_EDIT}

    @get("/")
    async def show(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            view = await _view(tx, None, "", Slot.HOLD)
        return await page(request, "sounds/domain.html", view=view, tabs=settings_tabs(), kinds=KINDS)

    @post("/hold", status_code=200, request_max_body_size=12 * 1024 * 1024)
    async def upload(self, request: Request) -> Response | Template:
        return await _upload(request, None, Slot.HOLD, of_domain=True)

    @get("/hold/audio")
    async def play(self, request: Request) -> Response[bytes]:
        return await _play(request, None, Slot.HOLD, of_domain=True)

    @get("/hold/delete")
    async def ask_delete(self, request: Request) -> Template:
        return await _ask_remove(request, None, Slot.HOLD, of_domain=True)

    @post("/hold/delete", status_code=200)
    async def delete(self, request: Request) -> Response | Template:
        return await _remove(request, None, Slot.HOLD, of_domain=True)


CONTROLLERS = [OwnCallSettings, UserCallSettings, DomainSounds]
