"""What surrounds every page of the domain's cabinet."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.web.menu import SECTIONS
from billing.accounts.blocks import start_block
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser, text_of
from tests.http.everything import a_company_with_everything
from tests.http.people import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


async def signed_in(client: Browser, actor: Actor | None = None, *, is_admin: bool = True, **domain: Any) -> Any:
    actor = actor or await a_domain(company_name="ООО «Ромашка»", **domain)
    user = await a_user(actor, "anna", is_admin=is_admin)
    client.cookies.set("lang", "ru")
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    return user


@pytest.fixture
async def old_cabinet() -> AsyncIterator[str]:
    address = "https://old.pbx.example/cabinet"
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('legacy_cabinet_url', $1) "
                         "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", address)
    parameters.forget()
    yield address
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE provider_parameter SET value = '\"\"' WHERE key = 'legacy_cabinet_url'")
    parameters.forget()


@pytest.mark.req("ACC-09", "ACC-15", "ACC-17", "ACC-19", "ACC-20", "ACC-21", "ACC-23", "ACC-24")
async def test_the_administrator_sees_company_balance_menu_and_name(client: Browser) -> None:
    user = await signed_in(client)
    await world.pay(user.actor, "16956.50")
    await world.a_number(user.actor)
    html = (await client.get("/")).text
    shown = text_of(html)
    assert f"ООО «Ромашка» Домен: {user.domain}" in shown
    assert "Баланс: 16 956,5 ₽" in shown
    assert 'href="/finance"' in html
    assert re.search(r'<a href="/" class="sw-logo"', html)
    assert "Anna" in shown
    assert "Администратор домена" in shown
    assert re.search(r'class="dropdown-item" href="/me"', html)
    menu = html[html.index('<nav class="sw-menu"'):html.index("</nav>")]
    assert re.search(r'Пользователи</span><span class="sw-counter">1</span>', menu)
    assert re.search(r"\+7 \(495\) \d{3}-\d\d-\d\d", text_of(menu))
    left = await client.post("/sign-out", data={"csrf_token": await client.csrf("/")})
    assert left.headers["location"].startswith("/sign-in")
    assert (await client.get("/")).headers["location"].startswith("/sign-in")


@pytest.mark.req("ACC-09")
async def test_a_plain_user_sees_neither_money_nor_the_menu_of_administrators(client: Browser) -> None:
    user = await signed_in(client, is_admin=False)
    await world.pay(user.actor, "77.00")
    html = (await client.get("/me")).text
    assert "77" not in text_of(html[html.index('<header'):html.index("</header>")])
    assert "/finance" not in html
    assert "Пользователи" not in html[html.index('<nav class="sw-menu"'):html.index("</nav>")]
    assert f"Домен: {user.domain}" in text_of(html)


@pytest.mark.req("ACC-07")
async def test_a_trial_shows_days_and_minutes(client: Browser) -> None:
    await signed_in(client, commercial=False)
    shown = text_of((await client.get("/")).text)
    assert "осталось 14 дней" in shown.lower() or "14 дней" in shown
    assert "50 минут" in shown


@pytest.mark.req("ACC-07")
async def test_a_commercial_domain_shows_no_trial(client: Browser) -> None:
    await signed_in(client)
    assert "Тестовый" not in text_of((await client.get("/")).text)


async def test_a_block_is_on_every_page_with_the_way_to_pay(client: Browser) -> None:
    user = await signed_in(client)
    async with domain_transaction(user.actor) as tx:
        await start_block(tx, "financial", "balance")
    for page in ("/", "/users", "/me"):
        html = (await client.get(page)).text
        banner = html[html.index("sw-banner"):]
        assert "Финансовая блокировка" in text_of(banner), page
        assert 'href="/finance"' in banner[:1500]


@pytest.mark.req("ACC-18")
async def test_the_old_cabinet_is_linked_only_when_the_provider_has_one(client: Browser, old_cabinet: str) -> None:
    await signed_in(client)
    assert f'href="{old_cabinet}"' in (await client.get("/")).text
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE provider_parameter SET value = '\"\"' WHERE key = 'legacy_cabinet_url'")
    parameters.forget()
    html = (await client.get("/")).text
    assert "sw-legacy" not in html


async def test_sections_stand_in_the_order_of_the_specification() -> None:
    ordered = sorted(SECTIONS["domain"], key=lambda section: section.order)
    assert [section.key for section in ordered] == ["groups", "numbers", "services", "history", "settings"]


# The menu of ACC-16, section → sub-items
CHAPTER: dict[str, list[str]] = {
    "Сводные данные": [], "Пользователи": [],
    "Группы обработки вызовов": ["Группы", "Сообщения операторам", "VIP-номера", "Отчёты и статистика",
                                 "Статистика реального времени"],
    "Номера и маршрутизация": ["Маршрутизация", "Частные маршруты", "Управление номерами", "Голосовые сценарии IVR"],
    "Управление услугами": ["Запись разговоров", "Исходящие кампании", "Автообзвон", "Виджеты для сайтов",
                            "Аналитика речи", "Интеграционный API", "Интеграция с CRM"],
    "История вызовов и действий": ["История вызовов", "История действий"], "Адресная книга компании": [],
    "Администрирование и настройка": ["Общие настройки", "SIP устройства", "Приветствия и музыка", "Интеграция с CRM",
                                      "Настройки API"]}
_ENTRY = re.compile(r'<a class="[^"]*" href="([^"]+)"[^>]*>(?:(?!</a>).)*?<span>([^<]+)</span>', re.S)


@pytest.mark.req("ACC-15", "ACC-16", "ACC-17", "ACC-23")
async def test_the_menu_is_that_of_the_chapter_and_every_entry_opens_its_section(client: Browser) -> None:
    user = await signed_in(client, await a_company_with_everything())
    await world.a_number(user.actor)
    page = (await client.get("/")).text
    menu = page[page.index('<nav class="sw-menu"'):page.index("</nav>")]
    drawn = re.findall(r"<span>([^<]+)</span>", menu)
    chapter = [label for section, inside in CHAPTER.items() for label in (section, *inside)]
    assert [label for label in drawn if label in chapter] == chapter
    assert "Моя страница" not in drawn  # reached by one's name [ACC-23]
    addresses = [(url, label) for url, label in _ENTRY.findall(menu) if label in chapter]
    assert len(addresses) == sum(len(inside) or 1 for inside in CHAPTER.values())
    for url, label in addresses:
        answer = await client.get(url)
        assert answer.status_code == 200, (url, label)
        assert re.search(r"<h1[^>]*>", answer.text), (url, label)
    live = text_of((await client.get("/groups/live")).text)
    assert "По операторам" in live
    assert "По группам" in live


@pytest.mark.req("ACC-26", "ACC-27")
async def test_a_plain_user_finds_everything_of_their_own_in_the_personal_area(client: Browser) -> None:
    await signed_in(client, is_admin=False)
    offers = {
        "/me": ("Изменить пароль", "Ещё номер", "Голосовая почта", "Отображаемое имя"),
        "/me/calls-settings": ("Голосовое приветствие", "Приветствие голосовой почты", "Мелодия вместо гудка",
                               "Ограничение исходящих вызовов"),
        "/me/calls": ("Статистика",), "/me/faxes": ("Отправить факс",),
        "/me/contacts": ("Создать новый контакт", "Общие контакты"),
    }
    for address, words in offers.items():
        answer = await client.get(address)
        assert answer.status_code == 200, address
        shown = text_of(answer.text)
        for word in (*words, "Основное", "Настройки вызовов", "Вызовы и голосовая почта", "Факсы"):
            assert word in shown, (address, word)
