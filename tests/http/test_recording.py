"""The page of recording: counters, dialogs, the group bar's answers, the term of storage, and who may open it."""

from __future__ import annotations

import re

import pytest

from app.kernel.db import domain_transaction
from app.modules.recording import queries, service
from tests.db import billing_factories as world
from tests.db.services_world import a_service, balance, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_services import post, signed_in

pytestmark = pytest.mark.anyio

PLAN = a_service("recording", "special", 70)
RESULTS = {"HX-Request": "true", "HX-Target": "list-results"}


async def nine_users(client: Browser, *, language: str = "ru", money: str = "1000") -> tuple[Someone, list[int]]:
    """Nine users, recording on for three; the administrator is the last one."""
    admin = await signed_in(client, PLAN, money=money, language=language)
    ids = [await world.a_user(admin.actor, f"user{number}", str(900 + number)) for number in range(8)]
    async with domain_transaction(admin.actor) as tx:
        await service.switch(tx, ids[:3], True)
    return admin, ids


async def on(admin: Someone) -> int:
    async with domain_transaction(admin.actor) as tx:
        return (await queries.counter(tx)).on


def mark(page: str) -> str:
    found = re.search(r'name="quoted" value="([^"]+)"', page)
    assert found, page[:2000]
    return found[1]


@pytest.mark.req("REC-01", "REC-03", "REC-04", "REC-32", "REC-D7", "DASH-11")
async def test_the_page(client: Browser) -> None:
    _admin, ids = await nine_users(client)
    page = (await client.get("/recording")).text
    text = text_of(page)
    assert "Включена для 3 пользователей" in text
    assert "Запись включена у 3 из 9" in text
    for part in ("Выключить", "Включить для всех", "1 месяц", "полгода", "3 года", "Прослушать записи"):
        assert part in text, part
    assert page.count("data-recording=") == 9
    assert "Аналитика" not in text
    filtered = (await client.get("/recording?state=on", headers=RESULTS)).text
    assert [int(one) for one in re.findall(r'data-recording="(\d+)"', filtered)] == ids[:3]
    assert 'href="/recording"' in (await client.get("/services")).text
    assert "Включено: 3" in text_of((await client.get("/")).text)


@pytest.mark.req("REC-10", "REC-D3", "SVC-33", "GEN-D1")
async def test_one_user_is_switched_on_and_off(client: Browser) -> None:
    admin, ids = await nine_users(client)
    dialog = (await client.get(f"/recording/enable?ids={ids[5]}&origin=user")).text
    assert "70,00" in dialog
    assert await on(admin) == 3  # nothing has happened yet
    wrong = await post(client, "/recording/enable", ids=str(ids[5]), quoted="1/2/3")
    assert 'id="service-cost"' in wrong.text
    assert await on(admin) == 3
    answer = await post(client, "/recording/enable", ids=str(ids[5]), quoted=mark(dialog), origin="user")
    assert answer.headers["HX-Redirect"] == f"/users/{ids[5]}"
    assert await on(admin) == 4
    card = (await client.get(f"/users/{ids[5]}")).text
    assert f"/recording/disable?ids={ids[5]}&amp;origin=user" in card
    dialog = text_of((await client.get(f"/recording/disable?ids={ids[5]}")).text)
    assert "уменьшится на 70,00" in dialog
    await post(client, "/recording/disable", ids=str(ids[5]))
    assert await on(admin) == 3
    assert (await ledger(admin.actor))[-1] == ("disconnection", "recording", -1, 0)
    told = text_of((await client.get("/history/actions")).text)
    assert "Запись разговоров переключена" in told


@pytest.mark.req("USR-78")
async def test_the_deletion_of_a_user_tells_what_recording_saves(client: Browser) -> None:
    _admin, ids = await nine_users(client)
    dialogs = [text_of((await client.get(f"/users/{one}/delete")).text) for one in (ids[1], ids[5])]
    assert ["70,00" in dialog for dialog in dialogs] == [True, False]  # the second is not recorded


@pytest.mark.req("ACC-38")
async def test_the_own_page_shows_it(client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    own = re.compile(r'id="own-recording">(.*?)</p>', re.DOTALL)
    assert "выкл" in text_of(own.findall((await client.get("/me")).text)[0]).lower()
    async with domain_transaction(admin.actor) as tx:
        await service.switch(tx, None, True)
    assert "вкл" in text_of(own.findall((await client.get("/me")).text)[0]).lower()
    await client.post("/sign-out")
    anna = await a_user(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        await service.switch(tx, [anna.id], True)
    other = await a_user(admin.actor, login="boris")
    await client.sign_in(other.login, other.domain)
    assert (await client.get("/recording")).status_code == 403
    assert (await client.get(f"/recording/disable?ids={anna.id}")).status_code == 403


@pytest.mark.req("REC-24", "REC-25", "REC-D3")
async def test_groups(client: Browser) -> None:
    """Two ticked of which one is on; then everyone on, and everyone off."""
    admin, ids = await nine_users(client)
    dialog = (await client.get(f"/recording/enable?ids={ids[0]}&ids={ids[6]}")).text
    assert re.findall(r'name="ids" value="(\d+)"', dialog) == [str(ids[6])]
    matching = (await client.get("/recording/disable?all=/recording%3Fstate%3Don")).text
    assert sorted(int(one) for one in re.findall(r'name="ids" value="(\d+)"', matching)) == ids[:3]
    everyone = (await client.get("/recording/enable?everyone=1")).text
    assert "420,00" in everyone
    assert (await post(client, "/recording/enable", everyone="on", quoted=mark(everyone))).status_code == 200
    assert await on(admin) == 9
    assert (await ledger(admin.actor))[-1][:3] == ("subscription_fee", "recording", 6)
    assert "630,00" in (await client.get("/recording/disable?everyone=1")).text
    await post(client, "/recording/disable", everyone="on")
    assert await on(admin) == 0
    assert (await post(client, "/recording/enable")).status_code == 422


@pytest.mark.req("REC-D3", "SVC-30")
async def test_not_enough_money(client: Browser) -> None:
    admin, _ids = await nine_users(client, money="8")
    before = await balance(admin.actor)
    answer = await post(client, "/recording/enable", everyone="on")
    assert answer.status_code == 409
    assert await on(admin) == 3
    assert await balance(admin.actor) == before


@pytest.mark.req("REC-30", "REC-D4")
async def test_the_term(client: Browser) -> None:
    admin, _ids = await nine_users(client)
    dialog = text_of((await client.get("/recording/term?months=6")).text)
    assert "210,00" in dialog
    assert "315,00" in dialog
    before = await balance(admin.actor)
    assert (await post(client, "/recording/term", months="6")).status_code == 200
    assert await balance(admin.actor) == before
    assert 'data-term="6"' in (await client.get("/recording")).text
    assert (await client.get("/recording/term?months=7")).status_code == 404
    assert (await post(client, "/recording/term", months="7")).status_code == 422


@pytest.mark.req("GEN-D5")
async def test_outside_of_the_plan(client: Browser) -> None:
    admin = await signed_in(client, a_service("fmc", "special"))
    page = await client.get("/recording")
    assert page.status_code == 403
    assert "не входит в ваш тариф" in page.text
    assert 'href="/services"' in page.text
    assert 'href="/recording"' not in (await client.get("/users")).text
    assert "user-recording" not in (await client.get(f"/users/{admin.id}")).text
    for url, data in (("/recording/enable", {"ids": str(admin.id)}), ("/recording/disable", {"everyone": "on"}),
                      ("/recording/term", {"months": "6"})):
        assert (await post(client, url, **data)).status_code == 403, url
    for url in (f"/recording/enable?ids={admin.id}", "/recording/term?months=6"):
        assert (await client.get(url)).status_code == 403, url


async def test_another_domain(client: Browser) -> None:
    admin, _ids = await nine_users(client)
    stranger = await a_user()
    assert (await client.get(f"/recording/enable?ids={stranger.id}")).status_code == 404
    assert (await post(client, "/recording/enable", ids=str(stranger.id))).status_code == 404
    assert await on(admin) == 3
