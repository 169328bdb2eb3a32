"""Texts of letters: `/provider/letters`."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import platform_transaction
from app.kernel.i18n import LANGUAGES, _, lazy
from app.kernel.letters import REGISTRY, written
from app.provider.console import SETTINGS, VIEW, as_page, form_of, show
from app.provider.letters import service
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery
from app.web.shell import saved

LIST = "/provider/letters"
COLUMNS = (Column("title", lazy("Letter")), Column("ru", "RU"), Column("en", "EN"))


class TextForm(FormModel):
    """Line ends at the end belong to the text, so nothing is trimmed."""

    model_config = FormModel.model_config | {"str_strip_whitespace": False}
    subject: str
    body: str


class LetterPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            changed = await service.changed(tx)
        wish = query.search.lower()
        rows = [letter for letter in REGISTRY.values() if wish in f"{letter.title} {letter.key}".lower()]
        return await show(request, "provider/letters/list.html", found=as_page(rows, len(rows), query),
                          changed=changed)

    @get("/{key:str}")
    async def card(self, request: Request, key: FromPath[str]) -> Template:
        letter = service.known(key)
        async with platform_transaction(request.user.actor) as tx:
            texts = await service.texts(tx, letter)
        previews = {text.locale: written(letter, text.locale, None, (text.subject, text.body), letter.sample)
                    for text in texts}
        return await show(request, "provider/letters/card.html", letter=letter, texts=texts, previews=previews,
                          languages_of=LANGUAGES)

    @post("/{key:str}/{locale:str}", opt=SETTINGS)
    async def save(self, request: Request, key: FromPath[str], locale: FromPath[str]) -> Response:
        letter, form = service.known(key, locale), await form_of(request, TextForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.save(tx, letter, locale, form.subject.strip(), form.body)
        return saved(request, f"{LIST}/{key}", _("Saved. Letters from now on have this text."))

    @post("/{key:str}/{locale:str}/preview", opt=SETTINGS)
    async def preview(self, request: Request, key: FromPath[str], locale: FromPath[str]) -> Template:
        letter, form = service.known(key, locale), await form_of(request, TextForm)
        subject, body = service.preview(letter, locale, form.subject.strip(), form.body)
        return await show(request, "provider/letters/preview.html", locale=locale, subject=subject, body=body)

    @get("/{key:str}/{locale:str}/reset", opt=SETTINGS)
    async def ask_reset(self, request: Request, key: FromPath[str], locale: FromPath[str]) -> Template:
        letter = service.known(key, locale)
        return await show(request, "provider/letters/reset.html", letter=letter, locale=locale)

    @post("/{key:str}/{locale:str}/reset", opt=SETTINGS)
    async def reset(self, request: Request, key: FromPath[str], locale: FromPath[str]) -> Response:
        letter = service.known(key, locale)
        async with platform_transaction(request.user.actor) as tx:
            done = await service.reset(tx, letter, locale)
        return saved(request, f"{LIST}/{key}",
                     _("The built-in text is in force.") if done else _("Nothing has changed."))


CONTROLLERS = [LetterPages]
