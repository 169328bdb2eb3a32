"""Parameters of the integration API, its white list and guide: `/integration-api` [API-21…34, API-45…48, API-26]."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _, language, lazy
from app.modules.integration_api import api, service
from app.modules.integration_api.forms import AddressForm, ParametersForm
from app.modules.integration_api.methods import OURS, THEIRS
from app.modules.integration_api.service import Parameters
from app.settings import settings as installation
from app.web import menu
from app.web.exports import file_answer
from app.web.forms import parse_form
from app.web.menu import MenuItem
from app.web.shell import fragment, is_htmx, page, saved
from tenants.live import form_of, row_id
from tenants.services.section import section
from tenants.settings.tabs import Tab, register_tab

URL = "/integration-api"
SETTINGS_URL = "/settings/api"
TABS = ((lazy("Parameter settings"), URL), (lazy("Interaction debugging"), f"{URL}/debugging"),
        (lazy("Documentation"), f"{URL}/documentation"))
OPT = {"permission": Permission.SERVICES_EDIT}

menu.register("domain", MenuItem("services", lazy("Integration API"), URL, "api", Permission.SERVICES_EDIT, "", 70,
                                 service=service.CODE),
              MenuItem("settings", lazy("API settings"), SETTINGS_URL, "api", Permission.SERVICES_EDIT, "", 50,
                       service=service.CODE))
register_tab(Tab(lazy("API settings"), SETTINGS_URL, 50))


def api_address() -> str:
    return installation().public_url + api.BASE


async def own_settings(tx: DomainTx) -> service.Settings:
    """A domain that had the service before it had parameters gets them now."""
    if await service.of_domain(tx, tx.domain_id) is None:
        await service.begin(tx)
    return await service.load(tx)


async def _parameters(request: Request) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        own = await own_settings(tx)
        usage, addresses = await service.usage(tx), await service.allowed(tx)
    return await page(request, "integration_api/parameters.html", own=own, usage=usage, count=len(addresses),
                      certificate=service.certificate_of(own.certificate), ours=OURS, theirs=THEIRS, tabs=TABS,
                      api_address=api_address(), path=URL,
                      has_certificate=installation().public_url.startswith("https://"))


class ParameterPages(Controller):
    path = URL
    opt = OPT
    before_request = section(service.CODE)

    @get("/")
    async def show(self, request: Request) -> Template:
        return await _parameters(request)

    @post("/", status_code=200)
    async def save(self, request: Request) -> Response:
        """The whole page at once [API-31]."""
        data = await request.form()
        sent = data.get("certificate")
        form = parse_form(ParametersForm, {name: data.getall(name) if name == "methods" else data[name]
                                           for name in data if name != "certificate"})
        content: bytes | None = b"" if form.remove_certificate else None
        if isinstance(sent, UploadFile) and sent.filename:
            content = await sent.read(service.MAX_CERTIFICATE + 1)
        async with domain_transaction(request.user.actor) as tx:
            await service.save(tx, Parameters(form.external_address, form.is_on, form.methods, form.use_new_key,
                                              content))
        return saved(request, URL, _("The changes are saved."))

    @get("/key")
    async def ask_key(self, request: Request) -> Template:
        return await page(request, "integration_api/new_key.html")

    @post("/key", status_code=200)
    async def new_key(self, request: Request) -> Template:
        """Shown on the page; the old one holds until the page is saved [API-32]."""
        async with domain_transaction(request.user.actor) as tx:
            key = await service.propose_key(tx)
        return fragment("integration_api/key.html", "#api-key", after={"modal-close": True}, key=key, is_new=True)

    @get("/addresses")
    async def addresses(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            rows = await service.allowed(tx)
        return await page(request, "integration_api/addresses.html", rows=rows)

    @post("/addresses", status_code=200)
    async def allow(self, request: Request) -> Template | Response:
        form = await form_of(request, AddressForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.allow(tx, form.address)
            rows = await service.allowed(tx)
        return _list(request, rows)

    @post("/addresses/{address_id:int}/delete", status_code=200)
    async def disallow(self, request: Request, address_id: FromPath[int]) -> Template | Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.disallow(tx, row_id(address_id))
            rows = await service.allowed(tx)
        return _list(request, rows)

    @get("/certificate")
    async def certificate(self, _request: Request) -> Response[bytes]:
        """Of the server that answers at the API's address [API-30, API-44]."""
        parts = urlsplit(installation().public_url)
        if parts.scheme != "https":
            raise Refused("no_tls", _("The API of this installation is not served over HTTPS."))
        try:
            pem = await asyncio.wait_for(asyncio.to_thread(
                ssl.get_server_certificate, (parts.hostname or "", parts.port or 443), timeout=5), 6)
        except (OSError, TimeoutError):
            raise NotFound("certificate", _("The server of the API does not answer. Try again later.")) from None
        return file_answer(pem.encode(), "pbx-api.pem", "application/x-pem-file")

    @get("/documentation")
    async def documentation(self, request: Request) -> Template:
        return await page(request, "integration_api/documentation.html", tabs=TABS, path=f"{URL}/documentation",
                          guide=guide_template(), api_address=api_address(),
                          test_address=installation().public_url + api.TEST_BASE)

    @get("/documentation/download")
    async def download(self) -> Template:
        """The guide as a file of its own."""
        return Template("integration_api/guide_file.html", headers={
            "Content-Disposition": 'attachment; filename="integration-api.html"'}, context={
                "guide": guide_template(), "api_address": api_address(),
                "test_address": installation().public_url + api.TEST_BASE})


def _list(request: Request, rows: list[service.Allowed]) -> Template | Response:
    if not is_htmx(request):
        return saved(request, URL, _("The changes are saved."))
    return fragment("integration_api/address_list.html", "#api-addresses", rows=rows, count=len(rows))


def guide_template() -> str:
    """The guide in the reader's language."""
    own = f"guide_{language()}.html"
    folder = Path(__file__).parent / "templates"
    return f"integration_api/{own if (folder / own).exists() else 'guide_en.html'}"


class SettingsTab(Controller):
    """The same page from the settings [API-21]."""

    path = SETTINGS_URL
    opt = OPT
    before_request = section(service.CODE)

    @get("/")
    async def show(self, request: Request) -> Template:
        return await _parameters(request)


CONTROLLERS = [ParameterPages, SettingsTab]
