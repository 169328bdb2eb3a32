"""All page patterns with made-up data, to be looked at and tested. Not mounted by the product.

    uvicorn app.web.gallery:app --port 15200
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from litestar import Controller, Litestar, Request, Response, Router, get, post
from litestar.params import URLEncodedBody
from litestar.plugins.htmx import HTMXPlugin
from litestar.response import Template
from pydantic import Field

from app.kernel.errors import Forbidden, InvalidFields, Refused
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.web import menu
from app.web.csrf import CsrfMiddleware
from app.web.exports import ExportColumn, xlsx_answer
from app.web.forms import FormModel, parse_form
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.pages import ROUTES
from app.web.parts import Affected, Choice, Cost, ImportRow, LiveState
from app.web.problems import HANDLERS
from app.web.security import security_headers
from app.web.shell import (
    BlockFact,
    LocaleMiddleware,
    ShellFacts,
    TrialFact,
    VisitorFact,
    done,
    page,
    register_shell,
    saved,
)
from app.web.templating import template_config

NOW = datetime(2026, 11, 21, 6, 57, 24, tzinfo=UTC)
FIRST = ["Анна", "Иван", "Мария", "Пётр", "Константин-Максимилиан", "Ольга", "Сергей", "Елена", "Дмитрий", "Наталья"]
LAST = [
    "Иванова", "Петров", "Сидорова", "Кузнецов", "Преображенский-Голенищев", "Смирнова", "Волков",
    "Орлова", "Фёдоров", "Голубева", "Тихомиров",
]


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    position: str
    extension: str
    login: str
    phone: str
    department: str
    spent: Money
    seen_at: datetime | None
    is_online: bool


def _people() -> list[Person]:
    jobs = ["Менеджер по продажам", "Бухгалтер", "Руководитель отдела клиентского сервиса", "Инженер", ""]
    return [Person(
        id=n, name=f"{LAST[n % 11]} {FIRST[n * 7 % 10]}", position=jobs[n % 5], extension=str(100 + n),
        login=f"user{100 + n}", phone=f"+7495{1230000 + n * 37}" if n % 3 else "",
        department=("sales", "support", "office")[n % 3], spent=Money(Decimal(n * n) * Decimal("1.37")),
        seen_at=NOW - timedelta(minutes=n * n * 7) if n % 4 else None, is_online=n % 4 == 1,
    ) for n in range(1, 106)]


PEOPLE = _people()
DEPARTMENTS = {"sales": lazy("Sales"), "support": lazy("Support"), "office": lazy("Office")}
COLUMNS = (
    Column("name", lazy("Name"), sort="name"),
    Column("extension", lazy("Extension"), sort="extension"),
    Column("phone", lazy("Number"), wide_only=True),
    Column("department", lazy("Department"), sort="department", wide_only=True),
    Column("spent", lazy("Spent this month"), sort="spent", numeric=True, wide_only=True),
    Column("seen", lazy("Last registration"), sort="seen_at", wide_only=True),
    Column("state", lazy("Phone")),
)
FILTERS = (Filter("department", lazy("Department"), DEPARTMENTS),
           Filter("state", lazy("Phone"), {"on": lazy("online"), "off": lazy("offline")}))


def find(query: ListQuery) -> Page[Person]:
    """What a feature does in SQL."""
    wish = query.search.lower()
    rows = [one for one in PEOPLE if wish in f"{one.name} {one.login} {one.extension}".lower()]
    if query.value("department"):
        rows = [one for one in rows if one.department in query.filters["department"]]
    if query.value("state"):
        rows = [one for one in rows if one.is_online == (query.value("state") == "on")]
    if query.sort in ("name", "extension", "department"):
        rows.sort(key=lambda one: getattr(one, query.sort), reverse=query.descending)
    if query.sort == "spent":
        rows.sort(key=lambda one: one.spent.amount, reverse=query.descending)
    return Page(rows[query.offset:query.offset + query.limit], len(rows), query)


class UserForm(FormModel):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    extension: Annotated[str, Field(pattern=r"^\d{2,5}$")]
    login: Annotated[str, Field(min_length=3, max_length=32)]
    password: Annotated[str, Field(min_length=8, max_length=64)]
    department: Literal["sales", "support", "office"]
    limit: Annotated[Decimal | None, Field(ge=0, max_digits=12, decimal_places=2)] = None
    send_mail: bool


class Gallery(Controller):
    path = "/gallery"
    opt = {"public": True}

    @get("/")
    async def patterns(self, request: Request) -> Template:
        days = [f"{n:02}.11" for n in range(8, 22)]
        chart = {"xAxis": {"type": "category", "data": days}, "yAxis": {"type": "value"}, "series": [
            {"type": "bar", "name": _("Incoming"), "stack": "c", "data": [n * 7 % 23 + 9 for n in range(14)]},
            {"type": "bar", "name": _("Outgoing"), "stack": "c", "data": [n * 5 % 17 + 5 for n in range(14)]}],
            "legend": {"right": 0}, "color": ["#2f7fc8", "#93b9df"]}
        rub = lambda text: Money(Decimal(text))  # noqa: E731
        return await page(
            request, "gallery/patterns.html", chart=chart, now=NOW, today=date(2026, 11, 21),
            costs=Cost(rub("1250"), rub("500"), rub("416.67"), _("The fee of the first day is charged "
                       "for the rest of the month."), rub("-89.83")),
            states=[LiveState("applying"), LiveState("live", NOW, generation=41),
                    LiveState("failed", NOW, _("the node pbx1 has not answered for 40 s")), LiveState("off")],
            candidates=[Choice(one.id, one.name, one.extension) for one in PEOPLE[:30]],
            members=[Choice(one.id, one.name, one.extension) for one in PEOPLE[30:34]])

    @get("/users")
    async def users(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="name")
        return await page(request, "gallery/users.html", users=find(query), departments=DEPARTMENTS)

    @get("/users/empty")
    async def empty(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        return await page(request, "gallery/users.html", users=Page([], 0, query), departments=DEPARTMENTS)

    @get("/users/export")
    async def export(self) -> Response[bytes]:
        columns = [ExportColumn(_("Name"), 30), ExportColumn(_("Extension")), ExportColumn(_("Last registration"))]
        return xlsx_answer("users", columns, ((one.name, one.extension, one.seen_at) for one in PEOPLE))

    @get("/users/new")
    async def new(self, request: Request) -> Template:
        return await page(request, "gallery/user_form.html", departments=DEPARTMENTS)

    @post("/users/new")
    async def create(self, request: Request, data: URLEncodedBody[dict[str, str]]) -> Response:
        new = parse_form(UserForm, data)
        for one in PEOPLE:
            if one.extension == new.extension:
                text = _("Extension %(n)s is taken by %(name)s.") % {"n": new.extension, "name": one.name}
                raise InvalidFields("taken", text, fields={"extension": text})
        return done(_("User %(name)s is saved.") % {"name": new.name}, refresh_list=True)

    @get("/users/delete")
    async def confirm(self, request: Request) -> Template:
        affected = [Affected(_("Call groups"), ["Продажи", "Первая линия"], 2, "/gallery"),
                    Affected(_("Routing rules"), ["Рабочее время", "Выходные", "Новогодние праздники"], 7)]
        return await page(request, "gallery/confirm.html", affected=affected)

    @post("/users/delete")
    async def delete(self) -> Response:
        raise Refused("last_admin", _("Ivanova is the only administrator and cannot be deleted."))

    @get("/users/import")
    async def preview(self, request: Request) -> Template:
        rows = [ImportRow(2, ["+74951230001", "Москва", "150"], {}),
                ImportRow(3, ["8495", "Москва", "150"], {0: _("This is not a telephone number.")}),
                ImportRow(4, ["+74951230003", "Москва", "сто"], {2: _("Enter a number.")}),
                ImportRow(5, ["+74951230004", "Москва", "1 250,50"], {})]
        return await page(request, "gallery/import.html", rows=rows)

    @get("/card")
    async def card(self, request: Request) -> Template:
        return await page(request, "gallery/card.html", person=PEOPLE[4], now=NOW, departments=DEPARTMENTS)

    @get("/live")
    async def live(self, request: Request) -> Template:
        return await page(request, "gallery/live.html", state=LiveState("live", datetime.now(UTC)))

    @get("/saved")
    async def leads_away(self, request: Request) -> Response:
        return saved(request, "/gallery/users", _("User %(name)s is saved.") % {"name": "Анна"})

    @get("/sign-in")
    async def sign_in(self, request: Request) -> Template:
        return await page(request, "gallery/sign_in.html", shell="auth")

    @post("/sign-in")
    async def try_sign_in(self) -> Response:
        await asyncio.sleep(0.2)
        raise Forbidden("sign_in", _("Wrong login, password or domain."))

    @get("/defect")
    async def defect(self) -> str:
        raise RuntimeError("shown as a page")


async def load_facts(request: Request) -> ShellFacts:
    """As of a domain in trouble with `?trouble=1`, of a quiet one otherwise."""
    trouble = "trouble" in request.query_params
    return ShellFacts(
        shell="domain", user_name="Преображенская Анна", role=lazy("Domain administrator"),
        company="ООО «Северный ветер — торговый дом»", domain="sever.pbx.example",
        balance=Money(Decimal("-120.5" if trouble else "16956.50")), mgp_left=Money(Decimal(0)),
        minutes_left=None if trouble else 1240, trial=TrialFact(3, 41) if trouble else None,
        blocks=(BlockFact(lazy("Financial block"), NOW - timedelta(days=2),
                          lazy("Only incoming and emergency calls work.")),) if trouble else (),
        counters={"users": "105", "groups": "31", "main_number": "+7 (495) 000-00-00"},
        permissions=lambda permission: True,
        visitor=VisitorFact("Анна Павлова", lazy("pool administrator")) if trouble else None,
        home_url="/gallery", finance_url="/gallery/card")


def make_app() -> Litestar:
    """The gallery with the product's own middleware, headers and error pages."""
    item = menu.MenuItem
    menu.register(
        "domain", item("", lazy("Dashboard"), "/gallery", "layout-dashboard", order=100),
        item("", lazy("Users"), "/gallery/users", "users", counter_key="users", order=200),
        item("groups", lazy("Groups"), "/gallery/card"), item("groups", lazy("VIP numbers"), "/gallery/vip"),
        item("numbers", lazy("Number management"), "/gallery/numbers"),
        item("history", lazy("Call history"), "/gallery/calls"),
        item("", lazy("Company address book"), "/gallery/book", "address-book", order=700),
        item("settings", lazy("General settings"), "/gallery/settings"))
    register_shell("domain", load_facts)
    return Litestar([Gallery, Router("/", route_handlers=ROUTES)], plugins=[HTMXPlugin()],
                    template_config=template_config(), exception_handlers=HANDLERS,  # type: ignore[arg-type]
                    middleware=[LocaleMiddleware(), CsrfMiddleware()],
                    before_send=[security_headers(is_secure=False)], openapi_config=None)


app = make_app()
