"""Files of features in any form: `{% from "sounds/prompt_slot.html" import prompt_slot %}` [IVR-31, GRP-62, GRP-63].

The slot holds a hidden field with the file's id; `static/prompts.js` uploads, records and puts the answer in its place.
"""

from __future__ import annotations

import re
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import AppError
from app.kernel.i18n import _
from app.web.forms import FormModel
from app.web.uploads import read_upload
from tenants.live import form_of, row_id
from tenants.sounds import prompts, recording, service
from tenants.sounds.delivery import audio_answer
from tenants.sounds.pages import RUNNING, STATES, by_extension, phone_of
from tenants.sounds.service import KINDS, Original

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class RecordForm(FormModel):
    name: str
    label: Annotated[str, Field(max_length=200)]
    extension: str = ""


def _of(name: str, label: str) -> dict[str, str]:
    """What the slot in the page is called. Raises AppError: not by us."""
    if not _NAME.fullmatch(name):
        raise AppError("bad_request", _("The request could not be understood."))
    return {"name": name, "label": label[:200]}


def _fragment(template: str, **context: object) -> Template:
    return Template(template, media_type="text/html; charset=utf-8", context=context)


class PromptPages(Controller):
    path = "/prompts"
    opt = {"permission": Permission.SETTINGS_EDIT}

    @post("/", status_code=200, request_max_body_size=12 * 1024 * 1024)
    async def upload(self, request: Request) -> Template:
        form = await request.form()
        slot = _of(str(form.get("name", "")), str(form.get("label", "")))
        file = form.get("file")
        sent = await read_upload(file if isinstance(file, UploadFile) else None, kinds=KINDS)
        original = Original(sent.name, sent.kind, sent.content)
        sound = await service.converted(original)
        async with domain_transaction(request.user.actor) as tx:
            prompt = await prompts.get(tx, await prompts.keep(tx, original, sound))
        return _fragment("sounds/prompt.html", prompt=prompt, **slot)

    @get("/record")
    async def ask_record(self, request: Request, name: str = "", label: str = "") -> Template:
        return _fragment("sounds/prompt_record.html", ask_extension=phone_of(request) is None, **_of(name, label))

    @post("/record", status_code=200)
    async def record(self, request: Request) -> Template:
        form = await form_of(request, RecordForm)
        slot = _of(form.name, form.label)
        async with domain_transaction(request.user.actor) as tx:
            ring = phone_of(request) or await by_extension(tx, form.extension)
            request_id = await recording.ask_prompt(tx, ring)
        return _state(request_id, "wanted", slot)

    @get("/recording/{request_id:int}")
    async def recording(self, request: Request, request_id: FromPath[int], name: str = "", label: str = "") -> Template:
        async with domain_transaction(request.user.actor) as tx:
            state, prompt_id = await recording.prompt_of(tx, row_id(request_id))
            prompt = (await prompts.find(tx, [prompt_id])).get(prompt_id) if prompt_id else None
        slot = _of(name, label)
        if prompt is None:
            return _state(request_id, "failed" if state == "done" else state, slot)
        return _fragment("sounds/prompt.html", prompt=prompt, **slot)

    @get("/{prompt_id:int}/audio")
    async def play(self, request: Request, prompt_id: FromPath[int]) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            stored = await prompts.original(tx, row_id(prompt_id))
        return audio_answer(request, stored)


def _state(request_id: int, state: str, slot: dict[str, str]) -> Template:
    return _fragment("sounds/prompt_recording.html", url=f"/prompts/recording/{request_id}", text=STATES[state],
                     is_running=state in RUNNING, **slot)


CONTROLLERS = [PromptPages]
