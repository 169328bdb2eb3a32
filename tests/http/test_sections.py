"""Sections of paid services that are off or outside of the plan [GEN-D5]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.kernel.db import domain_transaction
from billing.services import catalogue, service
from tests.db.services_world import a_service, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import a_user
from tests.http.test_recording import PLAN
from tests.http.test_services import post, signed_in

pytestmark = pytest.mark.anyio

PAGES = ("/recording", "/recording?state=on", "/recording/enable?everyone=1", "/recording/term?months=6")
OFF = "Услуга «Запись разговоров» отключена"


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Call recording of a provider who lets it be switched by hand."""
    found = catalogue.find("recording")
    catalogue.register(replace(found, is_manual=True))
    yield
    catalogue.register(found)


@pytest.mark.req("GEN-D5")
async def test_in_the_plan_but_off(client: Browser, by_hand: None) -> None:
    admin = await signed_in(client, PLAN)
    for url in PAGES:
        page = await client.get(url)
        assert page.status_code == 403, url
        text = text_of(page.text)
        assert OFF in text, url
        assert "Хранить записи" not in text
        assert 'href="/services#service-recording"' in page.text
        assert 'id="list-results"' not in page.text
    assert 'href="/recording"' in (await client.get("/users")).text  # it stays in the menu
    for url, data in (("/recording/enable", {"ids": str(admin.id)}), ("/recording/disable", {"everyone": "on"}),
                      ("/recording/term", {"months": "6"})):
        answer = await post(client, url, **data)
        assert answer.status_code == 403, url
        assert OFF in answer.text
    dialog = await client.get(f"/recording/enable?ids={admin.id}", headers={"HX-Request": "true"})
    assert dialog.status_code == 403
    assert OFF in dialog.text
    card = (await client.get(f"/users/{admin.id}")).text
    assert OFF in card
    assert "/recording/enable" not in card
    assert await ledger(admin.actor) == []


@pytest.mark.req("GEN-D5", "SVC-11")
async def test_open_once_it_is_on_and_closed_again(client: Browser, by_hand: None) -> None:
    admin = await signed_in(client, PLAN)
    async with domain_transaction(admin.actor) as tx:
        await service.connect(tx, "recording")
    page = await client.get("/recording")
    assert page.status_code == 200
    assert f'data-recording="{admin.id}"' in page.text
    assert f"/recording/enable?ids={admin.id}" in (await client.get(f"/users/{admin.id}")).text
    async with domain_transaction(admin.actor) as tx:
        await service.disconnect(tx, "recording")
    assert (await client.get("/recording")).status_code == 403


@pytest.mark.req("GEN-D5")
async def test_whoever_may_not_manage_services_learns_nothing_of_them(client: Browser, by_hand: None) -> None:
    admin = await signed_in(client, PLAN)
    await client.post("/sign-out", headers={"X-CSRF-Token": await client.csrf("/services")})
    plain = await a_user(admin.actor)
    await client.sign_in(plain.login, plain.domain)
    page = await client.get("/recording")
    assert page.status_code == 403
    assert OFF not in page.text


@pytest.mark.req("GEN-D5", "USR-63")
async def test_an_operator_without_the_contact_centre_in_the_plan(client: Browser) -> None:
    admin = await signed_in(client, a_service("fmc", "special"))
    other = await a_user(admin.actor)
    assert f"/users/{other.id}/operator" not in (await client.get(f"/users/{other.id}")).text
    answer = await post(client, f"/users/{other.id}/operator", is_operator="on")
    assert answer.status_code == 403
    assert "Этой услуги нет в вашем тарифе" in answer.text
    assert await ledger(admin.actor) == []


@pytest.mark.req("GEN-D5", "SVC-D10")
async def test_the_first_operator_switches_the_contact_centre_on(client: Browser) -> None:
    admin = await signed_in(client, a_service("contact_center", "operator", 310))
    other = await a_user(admin.actor)
    dialog = await client.get(f"/users/{other.id}/operator", headers={"HX-Request": "true"})
    assert dialog.status_code == 200
    assert "310,00 ₽" in text_of(dialog.text)
    assert (await post(client, f"/users/{other.id}/operator", is_operator="on")).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        assert await service.is_on(tx, "contact_center")
