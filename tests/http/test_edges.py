"""Guard, redirects, errors, headers, health."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.auth import store
from app.auth.shells import DOMAIN, PROVIDER, safe_next
from app.kernel.db import DB
from tests.http.browser import Browser
from tests.http.people import a_staff_member, a_user

pytestmark = pytest.mark.anyio


async def test_a_visitor_is_led_to_the_panels_own_sign_in_and_back(client: Browser) -> None:
    answer = await client.get("/probe/admin?page=2&q=a%26b")
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert where == "/sign-in?next=/probe/admin%3Fpage%3D2%26q%3Da%2526b"
    assert 'value="/probe/admin?page=2&amp;q=a%26b"' in (await client.get(where)).text
    assert (await client.get("/provider/probe")).headers["location"] == "/provider/sign-in?next=/provider/probe"
    assert (await client.get("/group/probe")).headers["location"] == "/group/sign-in?next=/group/probe"
    user = await a_user(is_admin=True)
    answer = await client.sign_in(user.login, user.domain, next="/probe/admin?page=2&q=a%26b")
    assert answer.headers["location"] == "/probe/admin?page=2&q=a%26b"


async def test_htmx_and_programs_get_an_answer_of_their_kind(client: Browser) -> None:
    answer = await client.get("/probe/admin", headers={
        "hx-request": "true", "hx-current-url": "http://127.0.0.1:8000/probe/admin?x=1"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/sign-in?next=/probe/admin%3Fx%3D1"
    answer = await client.get("/probe/api")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["type"] == "urn:switchroom:not_signed_in"
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    answer = await client.get("/probe/api")
    assert (answer.status_code, answer.json()["status"]) == (403, 403)


@pytest.mark.parametrize("wish", [
    "//evil.example", "https://evil.example", "/\\evil.example", "\\/evil.example", "/\t/evil.example",
    "javascript:alert(1)", "/\n/evil.example", "evil.example", "/a\\..\\b", "/sign-out", "/sign-in?next=/sign-in",
    "/provider/probe", "/" + "a" * 3000, "/ /evil", "/%0d%0aSet-Cookie: x=1"])
async def test_next_never_leads_elsewhere(client: Browser, wish: str) -> None:
    user = await a_user()
    answer = await client.sign_in(user.login, user.domain, next=wish)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    assert safe_next(DOMAIN, wish) == ""
    assert safe_next(PROVIDER, "/probe") == ""


async def test_a_route_without_a_permission_is_closed_to_everybody(client: Browser) -> None:
    user = await a_user(is_admin=True)
    await client.sign_in(user.login, user.domain)
    answer = await client.get("/probe/forgotten")
    assert answer.status_code == 403
    assert "nobody may see this" not in answer.text


async def test_a_request_has_an_id_in_answer_and_history(client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    answer = await client.get("/probe", headers={"x-request-id": "proxy-17"})
    assert answer.headers["x-request-id"] == answer.json()["request"] == "proxy-17"
    answer = await client.get("/probe", headers={"x-request-id": "bad id \x01"[:8]})
    assert answer.headers["x-request-id"] == answer.json()["request"] != "bad id "
    assert (await client.get("/no/such/page")).headers["x-request-id"]


async def test_errors_are_readable_and_tell_nothing_of_the_inside(client: Browser) -> None:
    missing = await client.get("/no/such/page", headers={"accept-language": "ru"})
    assert missing.status_code == 404
    assert 'lang="ru"' in missing.text
    broken = await client.get("/probe/broken")
    assert broken.status_code == 500
    assert "secret of the inside" not in broken.text
    assert "Traceback" not in broken.text
    assert broken.headers["x-request-id"] in broken.text
    away = await client.get("/probe/away")
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert "connection was closed" not in away.text


async def test_an_error_page_leads_to_a_start_page_that_its_reader_may_open(client: Browser) -> None:
    plain = await a_user()
    await client.sign_in(plain.login, plain.domain)
    for path in ("/", "/finance", "/services"):
        answer = await client.get(path)
        assert answer.status_code == 403
        assert 'class="btn btn-primary" href="/me"' in answer.text
    clerk = await a_staff_member("support")
    await client.sign_in_at("/provider", clerk.login)
    for path in ("/provider/no-such-page", "/provider/tariffs/999999999"):
        assert 'class="btn btn-primary" href="/provider"' in (await client.get(path)).text
    assert 'class="btn btn-primary" href="/"' in (await client.get("/providers")).text


async def test_without_redis_or_database_pages_say_so(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)

    class Dead:
        def __getattr__(self, name: str) -> Any:
            raise RedisConnectionError("Error 111 connecting to 10.1.2.3")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_client", Dead())
        answer = await client.get("/probe")
        assert answer.status_code == 503
        assert "10.1.2.3" not in answer.text
        assert (await client.get("/readyz")).json() == {"database": "ok", "redis": "unreachable"}
        assert (await client.get("/healthz")).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(DB, "pool", None)
        assert (await client.post("/sign-in", headers={"x-csrf-token": await client.csrf("/sign-out")}, data={
            "login": "a", "password": "b", "domain": "c"})).status_code == 503
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"database": "unreachable", "redis": "ok"})
    assert (await client.get("/readyz")).json() == {"database": "ok", "redis": "ok"}


async def test_metrics_are_for_this_machine_or_the_token(web: Any, client: Browser,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    from app.auth import edge

    assert (await client.get("/metrics")).status_code == 404
    async with Browser(web, ip="127.0.0.1") as local:
        answer = await local.get("/metrics")
        assert "switchroom_http_requests_total" in answer.text
        assert (await local.get("/metrics", headers={"x-forwarded-for": "1.2.3.4"})).status_code == 404
    monkeypatch.setenv("METRICS_TOKEN", "opens-metrics")
    edge.edge.cache_clear()
    try:
        assert (await client.get("/metrics", headers={"authorization": "Bearer wrong"})).status_code == 404
        assert (await client.get("/metrics", headers={"authorization": "Bearer opens-metrics"})).status_code == 200
    finally:
        monkeypatch.undo()
        edge.edge.cache_clear()


async def test_every_answer_carries_the_security_headers(client: Browser) -> None:
    staff = await a_staff_member()
    await client.sign_in_at("/provider", staff.login)
    for path in ("/sign-in", "/provider/probe", "/no/such/page", "/probe/broken", "/healthz"):
        headers = (await client.get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
