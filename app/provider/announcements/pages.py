"""Announcements: `/provider/announcements`. Moments are typed and shown in the platform's time zone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field, field_validator

from app.kernel import announcements, clock, parameters
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.i18n import _, lazy
from app.provider.announcements import service
from app.provider.console import SETTINGS, VIEW, as_page, ask, form_of, show
from app.provider.fields import Line
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery
from app.web.shell import done

LIST = "/provider/announcements"
KINDS = {"info": lazy("Information"), "warning": lazy("Warning")}
COLUMNS = (Column("text", lazy("Text")), Column("from", lazy("From")), Column("to", lazy("To")),
           Column("state", lazy("State")), Column("actions", ""))


class AnnouncementForm(FormModel):
    kind: Literal["info", "warning"]
    text_ru: Annotated[Line, Field(min_length=1, max_length=500)]
    text_en: Annotated[Line, Field(min_length=1, max_length=500)]
    starts_at: datetime
    ends_at: datetime

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _moment(cls, value: datetime) -> datetime:
        if not 2020 <= value.year <= 2100:
            raise ValueError(_("Enter a date and a time."))
        return value

    def wanted(self, zone: ZoneInfo) -> service.Wanted:
        return service.Wanted(self.kind, self.text_ru, self.text_en, self.starts_at.replace(tzinfo=zone),
                              self.ends_at.replace(tzinfo=zone))


async def _zone(tx: PlatformTx) -> ZoneInfo:
    return ZoneInfo(await parameters.get(tx, "billing.timezone"))


class AnnouncementPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await service.all_of(tx, limit=query.limit, offset=query.offset)
        return await show(request, "provider/announcements/list.html", found=as_page(rows, total, query), kinds=KINDS,
                          now=clock.now())

    @get("/new", opt=SETTINGS)
    async def new(self, request: Request) -> Template:
        return await self._form(request, None)

    @get("/{number:int}/edit", opt=SETTINGS)
    async def edit(self, request: Request, number: FromPath[int]) -> Template:
        return await self._form(request, number)

    async def _form(self, request: Request, number: int | None) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            zone = await _zone(tx)
            known = await service.one(tx, number) if number is not None else None
        moments = {name: f"{getattr(known, name).astimezone(zone):%Y-%m-%dT%H:%M}" if known else ""
                   for name in ("starts_at", "ends_at")}
        return await show(request, "provider/announcements/form.html", known=known, kinds=KINDS, zone=zone.key,
                          moments=moments)

    @post("/", opt=SETTINGS)
    async def create(self, request: Request) -> Response:
        return await self._save(request, service.create)

    @post("/{number:int}", opt=SETTINGS)
    async def update(self, request: Request, number: FromPath[int]) -> Response:
        return await self._save(request, lambda tx, wanted: service.update(tx, number, wanted))

    async def _save(self, request: Request,
                    save: Callable[[PlatformTx, service.Wanted], Awaitable[object]]) -> Response:
        form = await form_of(request, AnnouncementForm)
        async with platform_transaction(request.user.actor) as tx:
            await save(tx, form.wanted(await _zone(tx)))
        announcements.forget()
        return done(_("The announcement is saved."), refresh_list=True)

    @get("/{number:int}/delete", opt=SETTINGS)
    async def ask_delete(self, request: Request, number: FromPath[int]) -> Template:
        return await ask(request, "provider/announcements/delete.html", known=lambda tx: service.one(tx, number))

    @post("/{number:int}/delete", opt=SETTINGS)
    async def delete(self, request: Request, number: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.delete(tx, number)
        announcements.forget()
        return done(_("The announcement is deleted."), refresh_list=True)


CONTROLLERS = [AnnouncementPages]
