"""Keys of the provider's internal API: `/provider/api-keys`, for administrators only."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth import provider_keys
from app.kernel import parameters
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.provider.console import SETTINGS, as_page, form_of, show
from app.provider.fields import Line
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery
from app.web.shell import listed

LIST = "/provider/api-keys"
COLUMNS = (Column("name", lazy("Name")), Column("created", lazy("Created")), Column("until", lazy("Good until")),
           Column("used", lazy("Last used")), Column("state", lazy("State")), Column("actions", ""))
FARTHEST = timedelta(days=10 * 366)


class KeyForm(FormModel):
    name: Annotated[Line, Field(min_length=1, max_length=64)]
    last_day: date | None = None

    async def expires_at(self, tx: PlatformTx) -> datetime | None:
        """The end of the last day. Raises InvalidFields: it is over, or too far away."""
        if self.last_day is None:
            return None
        zone = ZoneInfo(await parameters.get(tx, "billing.timezone"))
        today = tx.now.astimezone(zone).date()
        if not today <= self.last_day <= today + FARTHEST:
            text = _("A day from today on, within ten years, is expected.")
            raise InvalidFields("invalid_fields", text, fields={"last_day": text})
        return datetime.combine(self.last_day + timedelta(days=1), time(), zone)


class KeyPages(Controller):
    path = LIST
    opt = SETTINGS

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await provider_keys.keys(tx, query.limit, query.offset)
        return await show(request, "provider/api_keys/list.html", found=as_page(rows, total, query))

    @get("/new")
    async def new(self, request: Request) -> Template:
        return await show(request, "provider/api_keys/new.html")

    @post("/")
    async def create(self, request: Request) -> Template:
        """The only time that the key is shown."""
        form = await form_of(request, KeyForm)
        async with platform_transaction(request.user.actor) as tx:
            key = await provider_keys.create(tx, form.name, await form.expires_at(tx))
        return await show(request, "provider/api_keys/made.html", key=key, here=LIST,
                          headers={"HX-Trigger": '{"modal-close": true}'})

    @get("/{key_id:int}/revoke")
    async def ask_revoke(self, request: Request, key_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            name = await provider_keys.name_of(tx, key_id)
        return await show(request, "provider/api_keys/revoke.html", name=name, action=f"{LIST}/{key_id}/revoke")

    @post("/{key_id:int}/revoke")
    async def revoke(self, request: Request, key_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await provider_keys.revoke(tx, key_id)
        return listed(request, LIST, _("The key is revoked."))


CONTROLLERS = [KeyPages]
