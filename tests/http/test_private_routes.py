"""Pages of private routes: the administrator's list and windows, the provider's creation and removal."""

from __future__ import annotations

import itertools
import os
import re
from decimal import Decimal
from typing import Any

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from app.provider.private_routes import service as provider
from app.provider.private_routes.service import Peer
from tenants.destinations import picker, registry
from tenants.destinations.model import Kind
from tenants.groups import service as groups
from tenants.numbers import inventory
from tenants.private_routes import lines, queries, service
from tenants.private_routes.lines import Lines
from tenants.private_routes.rules import Settings
from tests.db import billing_factories as world
from tests.db.campaigns_world import a_group
from tests.db.factories import STAFF
from tests.db.services_world import a_service, balance, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import Someone
from tests.http.provider_help import a_console
from tests.http.test_services import post, signed_in

pytestmark = pytest.mark.anyio
PLAN = a_service(lines.SERVICE, "special", 30, 100)
SHORT = r"sip:8(\d{3}@.*)"
_hosts = itertools.count(os.getpid() % 4000 * 4000)


def an_address() -> str:
    number = next(_hosts)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


async def a_route(admin: Someone, name: str = "test", **settings: Any) -> int:
    async with platform_transaction(STAFF) as tx:
        route_id = await provider.create(await tx.enter_domain(admin.actor.domain_id), name, Peer(an_address()))
    if settings:
        async with domain_transaction(admin.actor) as tx:
            await service.save(tx, route_id, Settings(name, **settings))
    return route_id


async def settings_of(admin: Someone, route_id: int) -> Settings:
    async with domain_transaction(admin.actor) as tx:
        return (await queries.route(tx, route_id)).settings


def form(**changes: object) -> dict:
    return {"name": "test", "is_on": "on", "expression": SHORT, "group_id": "", "caller": "internal", "cut": "0",
            "restriction": "none", "auth_header": "pai", "history_header": "diversion"} | changes


@pytest.mark.req("PRV-03", "PRV-10", "PRV-11", "PRV-14", "PRV-16", "NUM-03")
async def test_the_list(client: Browser) -> None:
    """T20."""
    admin = await signed_in(client, PLAN)
    await a_route(admin, expression=SHORT)
    dialog = (await client.get("/private-routes/lines/cost?incoming=5&outgoing=5")).text
    assert "300,00" in dialog
    assert "1 000,00" in text_of(dialog).replace("\xa0", " ")
    mark = re.search(r'name="quoted" value="([^"]+)"', dialog)
    assert mark
    before = await balance(admin.actor)
    answer = await post(client, "/private-routes/lines", incoming="5", outgoing="5", quoted=mark[1])
    assert answer.headers["HX-Redirect"] == "/private-routes"
    assert before - await balance(admin.actor) >= Decimal(1000)
    assert (await ledger(admin.actor))[0][:3] == ("connection", lines.SERVICE, 10)
    page = (await client.get("/private-routes")).text
    text = text_of(page)
    assert "1 маршрут, входящие 5, исходящие 5" in text
    for part in ("Статус", "Название", "Исходящие линии", "Входящие вызовы на SIP-Trunk", "test", "настроены"):
        assert part in text, part
    assert 'aria-checked="true"' in page
    assert 'href="/private-routes"' in (await client.get("/")).text
    saved = await post(client, "/private-routes/lines", incoming="2", outgoing="0")
    assert saved.status_code == 200
    assert (await ledger(admin.actor))[-1][:3] == ("disconnection", lines.SERVICE, -8)
    for wrong in ({"incoming": "1001", "outgoing": "0"}, {"incoming": "-1", "outgoing": "0"}, {"incoming": "x"}):
        assert (await post(client, "/private-routes/lines", **wrong)).status_code == 422
    told = text_of((await client.get("/history/actions")).text)
    assert "Изменено количество линий частных маршрутов" in told


async def test_more_lines_than_money(client: Browser) -> None:
    admin = await signed_in(client, PLAN, money="500")
    answer = await post(client, "/private-routes/lines", incoming="5", outgoing="5")
    assert answer.status_code == 409
    async with domain_transaction(admin.actor) as tx:
        assert await lines.current(tx, tx.domain_id) == Lines()


@pytest.mark.req("PRV-15", "PRV-20", "PRV-21", "PRV-22", "PRV-24", "PRV-28")
async def test_the_window_of_a_route(client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    route = await a_route(admin)
    url = f"/private-routes/{route}"
    numbers = [await world.a_number(admin.actor) for _n in range(2)]
    free = await world.a_number(admin.actor, category="toll_free", is_default=False)
    group = await a_group(admin.actor, "Branch")
    page = text_of((await client.get(url)).text)
    for part in ("Выражение для вызываемого номера", "Только для группы", "Не задано", "Branch", "P-Asserted-Identity",
                 "Diversion"):
        assert part in page, part
    wrong = {"expression": "sip:(8", "cut": "21", "name": "", "group_id": "999999999", "numbers": str(free)}
    answer = await post(client, url, **form(**wrong))
    assert answer.status_code == 422
    assert (await settings_of(admin, route)).expression == ""
    for bad in ({"group_id": "999999999"}, {"group_id": "0"}, {"numbers": str(free)}, {"numbers": "999999999"},
                {"expression": "(?=8)"}, {"cut": "-1"}, {"name": "x" * 101}, {"restriction": "all"}):
        assert (await post(client, url, **form(**bad))).status_code == 422, bad
    assert (await settings_of(admin, route)).expression == ""
    for chosen, shown in ((numbers, "Случайный выбор из нескольких номеров"), (numbers[:1], "+7"), ([], None)):
        token = await client.csrf("/services")
        answer = await client.post(url, data=form(
            name="North", group_id=str(group), cut="1", caller="outgoing", restriction="internal_only", allows_from="on",
            auth_header="rpid", history_header="none", numbers=[str(one) for one in chosen]),
            headers={"X-CSRF-Token": token, "HX-Request": "true"})
        assert answer.status_code == 200, answer.text
        page = text_of((await client.get("/private-routes")).text)
        assert "Случайный выбор" not in page or shown == "Случайный выбор из нескольких номеров"
        if shown:
            assert shown in page
    found = await settings_of(admin, route)
    assert (found.name, found.group_id, found.cut, found.caller, found.auth_header) == (
        "North", group, 1, "outgoing", "rpid")
    assert "Частный маршрут изменён" in text_of((await client.get("/history/actions")).text)


@pytest.mark.req("PRV-17", "PRV-18", "PRV-19")
async def test_the_switch_and_the_order(client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    first, second = await a_route(admin, "first"), await a_route(admin, "second")
    assert "first" in text_of((await client.get(f"/private-routes/{first}/off")).text)
    assert (await settings_of(admin, first)).is_on
    await post(client, f"/private-routes/{first}/off")
    assert not (await settings_of(admin, first)).is_on
    assert 'aria-checked="false"' in (await client.get("/private-routes")).text
    await post(client, f"/private-routes/{first}/on")
    assert (await settings_of(admin, first)).is_on
    token = await client.csrf("/services")
    for order, code in (([second, first], 200), ([second], 409), ([second, second], 409), ([second, first, 1], 409)):
        answer = await client.post("/private-routes/order", data={"order": [str(one) for one in order]},
                                   headers={"X-CSRF-Token": token, "HX-Request": "true"})
        assert answer.status_code == code
    page = (await client.get("/private-routes")).text
    assert page.index(">second<") < page.index(">first<")
    told = text_of((await client.get("/history/actions")).text)
    assert "Частный маршрут включён или выключен" in told
    assert "Порядок частных маршрутов изменён" in told


async def test_others_see_nothing(client: Browser) -> None:
    stranger = await signed_in(client, PLAN)
    route = await a_route(stranger)
    client.cookies.clear()
    await signed_in(client, PLAN)
    for path in ("", "/off"):
        assert (await client.get(f"/private-routes/{route}{path}")).status_code == 404
    for path in ("", "/on", "/off"):
        assert (await post(client, f"/private-routes/{route}{path}", **(form() if not path else {}))).status_code == 404
    client.cookies.clear()
    await signed_in(client)  # the plan has no such service
    assert (await client.get("/private-routes")).status_code == 403
    assert 'href="/private-routes"' not in (await client.get("/")).text


@pytest.mark.req("PRV-46", "RTE-33", "RTE-35")
async def test_groups_numbers_and_targets(client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    group = await a_group(admin.actor, "Branch")
    number = await world.a_number(admin.actor, is_default=False)
    route = await a_route(admin, expression=SHORT, is_group_only=True, group_id=group, numbers=frozenset({number}))
    async with domain_transaction(admin.actor) as tx:
        assert Kind.PRIVATE_ROUTE in [one.kind for one in await picker.offered(tx, [Kind.PRIVATE_ROUTE])]
        assert await service.check_dialled(tx, "8123") == ""
        with pytest.raises(service.InvalidFields):
            await service.check_dialled(tx, "81234")
        assert any("test" in one.names for one in await registry.pointers(tx, "group", group))
        await groups.delete(tx, group)
    found = await settings_of(admin, route)
    assert (found.is_group_only, found.group_id) == (True, None)
    assert "Никто" in text_of((await client.get(f"/private-routes/{route}")).text)
    async with platform_transaction(STAFF) as tx:
        await inventory.take_back(tx, number)
    assert (await settings_of(admin, route)).numbers == frozenset()
    await post(client, f"/private-routes/{route}/off")
    async with domain_transaction(admin.actor) as tx:
        assert await service.check_dialled(tx, "8123") != ""


@pytest.mark.req("PRV-04")
async def test_the_provider_sets_routes_up(client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    address = an_address()
    client.cookies.clear()
    staff = await a_console(client)
    base = f"/provider/domains/{admin.actor.domain_id}/private-routes"
    assert (await staff.get(base)).status_code == 200
    new = {"name": "Office", "host": address, "port": "5080", "transport": "udp", "proof": "address", "alaw": "on",
           "is_on": "on"}
    for bad in ({"host": "pbx.example"}, {"host": "0.0.0.0"}, {"port": "0"}, {"proof": "password"}, {"alaw": ""},
                {"name": "a\nb"}, {"host": "1.2.3.4\nmatch = 0.0.0.0/0"}, {"proof": "password", "password": "a;b"}):
        assert (await staff.post(base, **(new | bad))).status_code == 422, bad
    assert (await staff.post(base, **new)).status_code == 200
    assert (await staff.post(base, **new)).status_code == 422  # whose call would it be?
    async with platform_transaction(STAFF) as tx:
        (route,) = await provider.routes(await tx.enter_domain(admin.actor.domain_id))
    assert (route.host, route.port, route.codecs, route.is_known_by_password) == (address, 5080, "alaw", False)
    change = {key: value for key, value in new.items() if key not in ("name", "is_on")}
    answer = await staff.post(f"{base}/{route.id}", **(change | {"proof": "password", "password": "s3cret!x", "host": "pbx.example"}))
    assert answer.status_code == 200, answer.text
    page = (await staff.get(base)).text
    assert f"prv{route.id}" in page
    assert "s3cret!x" not in page
    assert (await staff.get(f"{base}/{route.id}/delete")).status_code == 200
    assert (await staff.post(f"{base}/{route.id}/delete")).status_code == 200
    async with platform_transaction(STAFF) as tx:
        assert await provider.routes(await tx.enter_domain(admin.actor.domain_id)) == []
