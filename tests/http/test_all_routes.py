"""Every route, called as everybody who may not: nobody, a plain user, another company, the wrong panel.

The list of routes is the application's own, so a new route is walked without a line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.auth.guards import wanted_permission
from app.auth.permissions import ROLE_PERMISSIONS, Permission
from app.kernel.db import platform_transaction
from tests.db.factories import STAFF, a_domain, a_node
from tests.http.browser import Browser
from tests.http.everything import a_company_with_everything, things_of
from tests.http.people import a_pool_admin, a_staff_member, a_user

pytestmark = pytest.mark.anyio

OPEN = {Permission.PUBLIC, Permission.NODE}
REFUSED = {401, 403, 404, 405, 303}  # 303: led to the sign-in form
FORGED = 9_007_199_254_740_993
CLAIM = "Secret Company Ltd"
STREAMS = {"/calls/live", "/groups/live/stream", "/workplace/live"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # as declared, with {name:int}
    permission: Permission

    def at(self, **ids: int) -> str:
        """The address with our ids where the names fit and a forged one elsewhere."""
        def fill(found: re.Match[str]) -> str:
            name, kind = found[1], found[2]
            return str(ids.get(name, FORGED)) if kind == "int" else "tariff"
        return re.sub(r"\{(\w+):(\w+)\}", fill, self.path)


def routes_of(app: Any) -> Iterator[Route]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            permission = wanted_permission(handler)
            for method in sorted(getattr(handler, "http_methods", set()) - {"OPTIONS", "HEAD"}):
                if permission not in OPEN and not route.path.startswith(("/static", "/probe")):
                    yield Route(method, route.path, permission)


async def _call(browser: Browser, route: Route, token: str, **ids: int):
    if route.method == "GET":
        return await browser.get(route.at(**ids))
    return await browser.request(route.method, route.at(**ids), headers={"X-CSRF-Token": token})


def _is_refusal(answer: Any) -> bool:
    if answer.status_code == 303:
        return "sign-in" in answer.headers["location"]
    return answer.status_code in REFUSED


async def _leaks(web: Any, browser: Browser, may: frozenset[Permission], page: str, **ids: int) -> list[str]:
    """Routes beyond `may` that answered anything but a refusal."""
    token = await browser.csrf(page)
    found = []
    for route in routes_of(web):
        if route.permission in may or route.permission is Permission.SIGNED_IN:
            continue
        answer = await _call(browser, route, token, **ids)
        if not _is_refusal(answer) or CLAIM in answer.text:
            found.append(f"{route.method} {route.path} -> {answer.status_code}")
    return found


@pytest.mark.req("FIN-07")
async def test_nobody_and_lower_roles_are_refused_everywhere(web: Any, client: Browser) -> None:
    assert await _leaks(web, client, frozenset(), "/sign-in") == []
    plain = await a_user()
    async with Browser(web) as browser:
        await browser.sign_in(plain.login, plain.domain)
        assert await _leaks(web, browser, ROLE_PERMISSIONS["user"], "/me") == []


async def test_a_domain_administrator_reaches_no_other_panel(web: Any, client: Browser) -> None:
    admin = await a_user(is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    assert await _leaks(web, client, ROLE_PERMISSIONS["domain_admin"], "/me", domain_id=admin.actor.domain_id) == []


@pytest.mark.parametrize(("role", "panel"), [
    ("support", "/provider"), ("billing", "/provider"), ("administrator", "/provider"),
    ("supervisor", "/group"), ("subgroup_admin", "/group")])
async def test_each_role_of_staff_and_pool_stays_within_its_rights(web: Any, client: Browser, role: str,
                                                                    panel: str) -> None:
    someone = await (a_staff_member(role) if panel == "/provider" else a_pool_admin(role))
    await client.sign_in_at(panel, someone.login)
    assert await _leaks(web, client, ROLE_PERMISSIONS[role], panel) == []


async def _things_of(domain_id: int) -> dict[str, int]:
    """One of each thing that an address can name, owned by the domain and bearing its secret name."""
    node = await a_node()
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET display_name = $2, company_name = $2 WHERE id = $1", domain_id, CLAIM)
        number = await tx.fetchval(
            "INSERT INTO phone_number (e164, region, domain_id) VALUES ($1, $2, $3) RETURNING id",
            f"7499{domain_id:07}", CLAIM, domain_id)
        call = await tx.fetchval(
            "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, a_number, started_at, "
            "ended_at, result) VALUES ($1, $2, $3, 0, $3, 'in', $4, now(), now(), 'answered') RETURNING id",
            domain_id, node, f"walk-{domain_id}", CLAIM)
    return {"number_id": number, "call_id": call}


async def test_another_companys_things_do_not_exist(web: Any, client: Browser) -> None:
    """Ids are guessed right, and the answer is the same as for ids that nobody has."""
    theirs = await a_company_with_everything()
    victim = await a_user(theirs)
    ids = {"user_id": victim.id, "domain_id": theirs.domain_id, **await _things_of(theirs.domain_id)}
    ids |= await things_of(theirs, victim.id, ids["number_id"], CLAIM)
    admin = await a_user(await a_company_with_everything(), is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    token = await client.csrf("/me")
    walked, leaks = 0, []
    for route in routes_of(web):
        if route.permission not in ROLE_PERMISSIONS["domain_admin"]:
            continue
        if route.path in STREAMS:
            continue  # endless; their channels come from the session
        answer = await _call(client, route, token, **ids)
        if CLAIM in answer.text:
            leaks.append(f"{route.method} {route.path} shows it")
        if "{" not in route.path:
            continue
        walked += 1
        nobodys = await _call(client, route, token)  # an empty form may be refused before the id is looked at
        if answer.status_code not in {404, 422} or answer.status_code != nobodys.status_code:
            leaks.append(f"{route.method} {route.path} -> {answer.status_code}, nobody's {nobodys.status_code}")
    assert leaks == []
    assert walked >= 200
    owner = await a_user(theirs, is_admin=True)  # the things are there: their owner sees them
    async with Browser(web) as browser:
        await browser.sign_in(owner.login, owner.domain)
        shown = [route.path for route in routes_of(web) if route.method == "GET" and "{" in route.path
                 and route.permission in ROLE_PERMISSIONS["domain_admin"] and route.path not in STREAMS
                 and (await _call(browser, route, "", **ids)).status_code == 200]
    assert len(shown) >= 60, shown


async def test_forms_that_name_another_companys_ids_change_nothing(web: Any, client: Browser) -> None:
    theirs = await a_domain()
    victim = await a_user(theirs)
    things = await _things_of(theirs.domain_id)
    admin = await a_user(is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    token = await client.csrf("/me")
    await client.post("/users/delete", data={"ids": str(victim.id)}, headers={"X-CSRF-Token": token})
    await client.post(f"/users/{admin.id}", headers={"X-CSRF-Token": token}, data={
        "display_name": "A", "extension": "4321", "outgoing_number_id": str(things["number_id"])})
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM domain_user WHERE id = $1", victim.id) == 1
        assert await tx.fetchval("SELECT outgoing_number_id FROM domain_user WHERE id = $1", admin.id) is None


async def test_an_id_that_no_row_can_have_is_unknown(web: Any, client: Browser) -> None:
    """Beyond bigint: the address is refused before the database is asked."""
    someone = await a_staff_member()
    await client.sign_in_at("/provider", someone.login)
    wrong = []
    for route in routes_of(web):
        if route.method != "GET" or ":int}" not in route.path or not route.path.startswith("/provider"):
            continue
        for number in (2**63, 10**30):
            path = re.sub(r"\{(\w+):(\w+)\}", lambda found, n=number: str(n) if found[2] == "int" else "x", route.path)
            answer = await client.get(path)
            if answer.status_code != 404:
                wrong.append(f"{path} -> {answer.status_code}")
    assert wrong == []
