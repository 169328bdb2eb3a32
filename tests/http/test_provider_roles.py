"""Every role at every route of the console and of the pool's list."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute

from app.auth.permissions import ROLE_PERMISSIONS, Permission
from tests.http.browser import Browser
from tests.http.people import a_pool_admin, a_staff_member, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

REFUSED = {401, 403}


def _routes(app: Any, prefix: str) -> list[tuple[str, str, Permission]]:
    """(method, path with an id that nobody has, permission) of our routes below `prefix`."""
    found = []
    for route in app.routes:
        if not isinstance(route, HTTPRoute) or not (route.path + "/").startswith(prefix + "/"):
            continue
        for handler in route.route_handlers:
            if handler.handler_name and not handler.opt.get("permission"):
                continue
            permission = handler.opt["permission"]
            ours = handler.fn.__module__.startswith(("app.provider", "tenants.pools"))
            if permission is Permission.PUBLIC or not ours:
                continue
            path = "/".join("999999999" if ":int" in part else "block" if part.startswith("{") else part
                            for part in route.path.split("/"))
            found += [(method, path, permission) for method in handler.http_methods if method in ("GET", "POST")]
    return found


async def _ask(browser: Browser, method: str, path: str, token: str) -> httpx.Response:
    if method == "GET":
        return await browser.get(path)
    return await browser.post(path, data={"csrf_token": token}, headers={"x-csrf-token": token})


@pytest.mark.parametrize("role", ["administrator", "billing", "support"])
async def test_staff_roles(web: Any, client: Browser, role: str) -> None:
    staff = await a_staff_member(role)
    await client.sign_in_at("/provider", staff.login)
    token = await client.csrf("/provider")
    routes = _routes(web, "/provider")
    assert len(routes) > 40
    for method, path, permission in routes:
        answer = await _ask(client, method, path, token)
        if permission in ROLE_PERMISSIONS[role]:
            assert answer.status_code not in REFUSED | {500}, (method, path, answer.status_code)
        else:
            assert answer.status_code == 403, (method, path, answer.status_code)


async def test_support_changes_nothing(web: Any) -> None:
    """Read-only: not one POST is open to support, but the way into a cabinet, where support only reads as well."""
    for method, path, permission in _routes(web, "/provider"):
        if not path.endswith("/enter"):
            assert method == "GET" or permission not in ROLE_PERMISSIONS["support"], path


async def test_others_do_not_enter(web: Any, client: Browser, other_client: Browser) -> None:
    """A domain's administrator and a pool's supervisor are strangers at the console; nobody is one, too."""
    admin = await a_user(is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    supervisor = await a_pool_admin()
    await other_client.sign_in_at("/group", supervisor.login)
    token, other_token = await client.csrf("/restore-password"), await other_client.csrf("/restore-password")
    for method, path, _permission in _routes(web, "/provider"):
        for browser, its_token in ((client, token), (other_client, other_token)):
            answer = await _ask(browser, method, path, its_token)
            assert answer.status_code in {303, 401, 403}, (method, path, answer.status_code)
            if answer.status_code == 303:
                assert "sign-in" in answer.headers["location"]


async def test_staff_do_not_enter_the_pool(web: Any, client: Browser) -> None:
    staff = await a_staff_member()
    await client.sign_in_at("/provider", staff.login)
    for method, path, _permission in _routes(web, "/group"):
        assert (await _ask(client, method, path, "")).status_code in {303, 401, 403}
