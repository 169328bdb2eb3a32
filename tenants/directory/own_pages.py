"""Contacts of the personal area, `/me/contacts`: personal, shared, users of the pool [ACC-66…77]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Controller, Request, get
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import LazyText, _, lazy
from app.web.lists import ListQuery
from app.web.shell import page
from tenants.directory import people
from tenants.directory.book_pages import HELPERS, BookPages, the_page
from tenants.directory.people import Person, PoolDomain
from tenants.directory.present import shown_number
from tenants.directory.rules import COMPANY, Book
from tenants.pools.expression import dial_string
from tenants.users.tabs import OWN, Tab, register_tab, tabs_of

ME = "/me"
LIST = f"{ME}/contacts"

register_tab(OWN, Tab(lazy("Address book"), "/contacts", 40))


def own_id(request: Request) -> int:
    """Somebody from outside who works in the domain has no book in it, unless in the place of a user."""
    user_id: int = request.user.actor.user_id
    if not user_id:
        raise NotFound("user", _("There is no such user"))
    return user_id


async def frame(tx: DomainTx) -> dict[str, Any]:
    """The tabs of one's own page, and below them the three of the address book."""
    books: list[tuple[LazyText, str]] = [(lazy("Personal address book"), LIST), (lazy("Shared contacts"),
                                                                                f"{LIST}/shared")]
    if await people.is_in_pool(tx):
        books.append((lazy("Users"), f"{LIST}/users"))
    return {"tabs": tabs_of(OWN, ME), "books": books, "me": LIST}


class OwnBookPages(BookPages):
    """One's own contacts."""

    path = LIST
    base = LIST
    template = "directory/own.html"
    opt = {"permission": Permission.PERSONAL}

    def book(self, request: Request) -> Book:
        return Book(own_id(request))

    async def extra(self, tx: DomainTx, request: Request) -> dict[str, Any]:
        return await frame(tx)


class SharedPages(Controller):
    """The company's contacts, to look at [ACC-73]."""

    path = f"{LIST}/shared"
    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def list(self, request: Request) -> Template:
        own_id(request)
        async with domain_transaction(request.user.actor) as tx:
            found = await the_page(tx, request, COMPANY)
            tabs = await frame(tx)
        return await page(request, "directory/shared.html", found=found, **HELPERS, **tabs)


@dataclass(frozen=True, slots=True)
class Section:
    """A domain's people by pickup group, as they stand on the page; dial strings by login."""

    domain: PoolDomain
    is_own: bool
    groups: list[tuple[str, list[Person]]]
    dial: dict[str, str]


class PeoplePages(Controller):
    """Users of the pool's domains [ACC-74…77]. Without a pool there is no such page."""

    path = f"{LIST}/users"
    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def list(self, request: Request) -> Template:
        own_id(request)
        actor = request.user.actor
        query = ListQuery.of(request, columns=())
        async with domain_transaction(actor) as tx:
            domains = {one.id: one for one in await people.pool_domains(tx)}
            chosen = domains.get(_chosen(request, actor.domain_id))
            if chosen is None:
                raise NotFound("domain", _("There is no such domain"))
            found = await people.people(tx, chosen.id, like=query.like(), search=query.search)
            tabs = await frame(tx)
        return await page(request, "directory/people.html", sections=_sections(found, domains, chosen, actor.domain_id),
                          domains=list(domains.values()), chosen=chosen, search=query.search,
                          shown_number=shown_number, **tabs)


def _chosen(request: Request, own: int) -> int:
    text = request.query_params.get("domain", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else own


def _sections(found: list[Person], domains: dict[int, PoolDomain], chosen: PoolDomain, own: int) -> list[Section]:
    """The chosen domain first, then others that a search has found, each under its heading."""
    by_domain: dict[int, dict[str, list[Person]]] = {chosen.id: {}}
    for one in found:
        by_domain.setdefault(one.domain_id, {}).setdefault(one.pickup, []).append(one)
    others = sorted((one for one in by_domain if one != chosen.id), key=lambda one: domains[one].display_name.lower())
    sections = []
    for domain_id in (chosen.id, *others):
        domain, groups = domains[domain_id], by_domain[domain_id]
        dial = {one.login: _dial(domain, one.extension, domain_id == own) for ones in groups.values() for one in ones}
        sections.append(Section(domain, domain_id == own, list(groups.items()), dial))
    return sections


def _dial(domain: PoolDomain, extension: str, is_own: bool) -> str:
    """Ready to dial; "" when the domain has no route number [POOL-04]."""
    if is_own:
        return extension
    return dial_string(domain.dial_expression, domain.route_number, extension) if domain.route_number else ""
