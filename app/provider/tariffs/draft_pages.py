"""Drafts of a tariff: made, filled from a file, edited, published, deleted."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import clock, files
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, format_date
from app.provider.console import BILLING, form_of, show
from app.provider.tariffs import present
from app.provider.tariffs.forms import PublishForm, ServiceForm, TermsForm
from app.provider.tariffs.pages import LIST, version_of
from app.web.shell import saved
from app.web.uploads import Upload, read_upload
from billing.services import catalogue
from billing.tariffs import drafts, queries, service
from billing.tariffs.csvfile import COLUMNS as CSV_COLUMNS
from billing.tariffs.csvfile import MAX_BYTES, RatesFile, parse_rates
from billing.tariffs.plan import Plan, PlanService
from billing.tariffs.terms import plan

VERSIONS = f"{LIST}/versions"
UPLOAD_LIMIT = MAX_BYTES + 100_000


async def _sent_rates(request: Request) -> tuple[Upload, RatesFile]:
    sent = (await request.form()).get("file")
    upload = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("csv",), max_bytes=MAX_BYTES)
    return upload, await asyncio.to_thread(parse_rates, upload.content)


async def _errors(request: Request, upload: Upload, found: RatesFile, again: str) -> Template:
    return await show(request, "provider/tariffs/errors.html", again=again, name=upload.name, found=found)


class NewDrafts(Controller):
    """A tariff's new draft: a copy of what is in force, or the rates of a file."""

    path = LIST + "/{tariff_id:int}"
    opt = BILLING

    @post("/drafts")
    async def new(self, request: Request, tariff_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            version_id = await drafts.new_draft(tx, tariff_id)
        return saved(request, f"{VERSIONS}/{version_id}",
                     _("The draft is a copy of the version in force. Change it, then publish it."))

    @get("/import")
    async def choose_file(self, request: Request, tariff_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            tariff = await queries.tariff(tx, tariff_id)
        return await show(request, "provider/tariffs/import.html", tariff=tariff, version=None, columns=CSV_COLUMNS,
                          action=f"{LIST}/{tariff_id}/import")

    @post("/import", request_max_body_size=UPLOAD_LIMIT)
    async def take_file(self, request: Request, tariff_id: FromPath[int]) -> Response | Template:
        """A good file becomes a draft and leads to its differences; a bad one is told line by line."""
        upload, found = await _sent_rates(request)
        if found.error_count:
            return await _errors(request, upload, found, f"{LIST}/{tariff_id}/import")
        async with platform_transaction(request.user.actor) as tx:
            kept = await files.store(tx, upload.content, name=upload.name, media_type="text/csv")
            version_id = await service.import_draft(tx, tariff_id, found.rows, kept)
        return saved(request, f"{VERSIONS}/{version_id}", _("The file is a draft now. Compare it, then publish it."))


class DraftPages(Controller):
    """Rates and terms of a draft, its end."""

    path = VERSIONS + "/{version_id:int}"
    opt = BILLING

    @get("/import")
    async def choose_file(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _draft(tx, version_id)
        return await show(request, "provider/tariffs/import.html", tariff=tariff, version=version, columns=CSV_COLUMNS,
                          action=f"{VERSIONS}/{version_id}/import")

    @post("/import", request_max_body_size=UPLOAD_LIMIT)
    async def take_file(self, request: Request, version_id: FromPath[int]) -> Response | Template:
        upload, found = await _sent_rates(request)
        if found.error_count:
            return await _errors(request, upload, found, f"{VERSIONS}/{version_id}/import")
        async with platform_transaction(request.user.actor) as tx:
            kept = await files.store(tx, upload.content, name=upload.name, media_type="text/csv")
            await service.import_into(tx, version_id, found.rows, kept)
        return saved(request, f"{VERSIONS}/{version_id}", _("The rates of the draft are replaced."))

    @get("/terms")
    async def ask_terms(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, _tariff = await _draft(tx, version_id)
            terms = await plan(tx, version_id)
        return await show(request, "provider/tariffs/terms.html", version=version, terms=terms)

    @post("/terms")
    async def terms(self, request: Request, version_id: FromPath[int]) -> Response:
        form = await form_of(request, TermsForm)
        async with platform_transaction(request.user.actor) as tx:
            await drafts.change_terms(tx, version_id, form.plan())
        return saved(request, f"{VERSIONS}/{version_id}", _("Saved."))

    @get("/publish")
    async def ask_publish(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _draft(tx, version_id)
            before, after = await plan(tx, tariff.version_id), await plan(tx, version_id)
        today = clock.now().astimezone(ZoneInfo(tariff.timezone)).date()
        leaving = [present.service_name(code) for code in before.services if code not in after.services]
        return await show(request, "provider/tariffs/publish.html", version=version, tariff=tariff, today=today,
                          leaving=leaving)

    @post("/publish")
    async def publish(self, request: Request, version_id: FromPath[int]) -> Response:
        form = await form_of(request, PublishForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.publish(tx, version_id, form.valid_from)
            tariff_id = await queries.tariff_of(tx, version_id)
        return saved(request, f"{LIST}/{tariff_id}", _("The rates are in force from %(day)s.") % {
            "day": format_date(form.valid_from)})

    @get("/discard")
    async def ask_discard(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _draft(tx, version_id)
        return await show(request, "provider/tariffs/discard.html", version=version, tariff=tariff)

    @post("/discard")
    async def discard(self, request: Request, version_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            tariff_id = await service.discard_draft(tx, version_id)
        return saved(request, f"{LIST}/{tariff_id}", _("The draft is deleted."))


class DraftServices(Controller):
    """Services of a draft."""

    path = VERSIONS + "/{version_id:int}/services"
    opt = BILLING

    @get("/new")
    async def ask_new(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            await _draft(tx, version_id)
            terms = await plan(tx, version_id)
        choices = [(code, present.service_name(code)) for code in catalogue.codes() if code not in terms.services]
        return await self._form(request, version_id, None, choices)

    @post("/")
    async def add(self, request: Request, version_id: FromPath[int]) -> Response:
        form = await form_of(request, ServiceForm)
        if form.service not in catalogue.codes():
            raise _no_service()
        async with platform_transaction(request.user.actor) as tx:
            await drafts.put_service(tx, version_id, form.plan_service(), is_new=True)
        return saved(request, f"{VERSIONS}/{version_id}", _("The service is in the plan."))

    @get("/{code:str}")
    async def ask_change(self, request: Request, version_id: FromPath[int], code: FromPath[str]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            found = await _service(tx, version_id, code)
        return await self._form(request, version_id, found, [])

    @post("/{code:str}")
    async def change(self, request: Request, version_id: FromPath[int], code: FromPath[str]) -> Response:
        form = await form_of(request, ServiceForm, service=code)
        async with platform_transaction(request.user.actor) as tx:
            await drafts.put_service(tx, version_id, form.plan_service())
        return saved(request, f"{VERSIONS}/{version_id}", _("Saved."))

    @get("/{code:str}/remove")
    async def ask_remove(self, request: Request, version_id: FromPath[int], code: FromPath[str]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            found = await _service(tx, version_id, code)
        return await show(request, "provider/tariffs/service_remove.html", service=found, present=present,
                          base=f"{VERSIONS}/{version_id}/services/{found.service}")

    @post("/{code:str}/remove")
    async def remove(self, request: Request, version_id: FromPath[int], code: FromPath[str]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await drafts.remove_service(tx, version_id, code)
        return saved(request, f"{VERSIONS}/{version_id}", _("The service is taken out of the plan."))

    @staticmethod
    async def _form(request: Request, version_id: int, found: PlanService | None,
                    choices: list[tuple[str, str]]) -> Template:
        base = f"{VERSIONS}/{version_id}/services"
        return await show(request, "provider/tariffs/service.html", service=found, choices=choices, present=present,
                          action=f"{base}/{found.service}" if found else base)


async def _draft(tx: PlatformTx, version_id: int) -> tuple[queries.VersionRow, queries.TariffRow]:
    """Raises NotFound, or Refused of a version that is published."""
    version, tariff = await version_of(tx, version_id)
    if version.state != "draft":
        raise drafts.already_published()
    return version, tariff


async def _service(tx: PlatformTx, version_id: int, code: str) -> PlanService:
    await _draft(tx, version_id)
    terms: Plan = await plan(tx, version_id)
    if code not in terms.services:
        raise _no_service()
    return terms.services[code]


def _no_service() -> NotFound:
    return NotFound("service", _("There is no such service"))


CONTROLLERS = [NewDrafts, DraftPages, DraftServices]
