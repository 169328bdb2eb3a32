"""Every page that a menu or a link leads to: it fits, can be used by everybody, and nothing goes wrong behind it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.async_api import Browser

from app.auth.passwords import hash_password
from app.features import load_services
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import domain_transaction, platform_transaction
from app.runner import demo
from app.runner.demo_names import COMPANIES
from app.settings import settings
from tests.browser.panel import Panel
from tests.browser.world import World, a_world, acknowledge, some_calls
from tests.db.billing_factories import a_trunk
from tests.db.factories import STAFF, a_node
from tests.http.browser import PASSWORD
from tests.http.people import Someone, a_pool_admin, a_staff_member, a_user

pytestmark = pytest.mark.anyio

_LINKS = """[...document.querySelectorAll('a[href^="/"]:not([download]):not([data-export]), [hx-get^="/"]')]
    .map(one => one.getAttribute('href') || one.getAttribute('hx-get'))"""
_NOT_PAGES = re.compile(r"(/(export|audio|state|presence|sign-out)|/calls/live|/debugging/log)$")
_VARIED = re.compile(r"\d+|(?<=/reactions/)\w+|(?<=/keys/)\w+")  # what differs between pages of one kind
_UNTRANSLATED = re.compile(r"^[A-Z][a-z]+( [a-z]+){1,}[.:]?$", re.MULTILINE)
KEPT_ENGLISH = ("Simulated public network",)


async def walk(panel: Panel, starts: list[str], *, look: str) -> list[str]:
    """Visit one address of each kind that is linked from the pages seen; returns what is wrong with them."""
    seen: set[str] = set()
    todo, problems = list(starts), []
    while todo:
        path = todo.pop(0)
        kind = _VARIED.sub("{}", path.split("?")[0].split("#")[0])
        if kind in seen or _NOT_PAGES.search(kind):
            continue
        seen.add(kind)
        await panel.goto(path)
        if not await panel.at("main").count():  # a part of a page, fetched by it
            continue
        within = "main" if len(seen) > 1 else "html"  # menu and header are the same on all of them
        problems += [f"{path}: {one}" for one in await look_at(panel, look, within)]
        todo += await panel.page.evaluate(_LINKS)
    assert len(seen) >= len(starts)
    return problems


async def look_at(panel: Panel, look: str, within: str = "html") -> list[str]:
    wrong = [f"does not fit {width} px" for width in await panel.does_not_fit()]
    wrong += await panel.obstacles(within=within)
    if await panel.at("h1").count() != 1:
        wrong.append(f"{await panel.at('h1').count()} main headings")
    if look == "ru":
        hide = "one => { one.hidden = true }"  # what is English on purpose, like the English text of a letter
        await panel.page.eval_on_selector_all("main [lang=en]", f"all => all.forEach({hide})")
        text = await panel.page.inner_text("main")
        wrong += [f"not in Russian: {one[0]}" for one in _UNTRANSLATED.finditer(text) if one[0] not in KEPT_ENGLISH]
    await panel.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    wrong += [f"dark: {one}" for one in await panel.obstacles(("color-contrast",), within=within)]
    return wrong


@pytest.fixture(scope="module")
async def world(database: None) -> World:
    made = await a_world(people=12, balance="500", calls=6)
    await acknowledge(made.actor)
    return made


@pytest.fixture(scope="module")
async def company(database: None) -> World:
    """The demo's first company, with something in every section."""
    load_services()
    node_id = await a_node()
    await a_trunk(node_id)
    async with platform_transaction(STAFF) as tx:
        tariff_id = await demo.make_tariff(tx)
    domain_id = await demo.make_company(replace(COMPANIES[0], route=None), settings(), node_id, tariff_id, 0)
    actor = Actor.system(domain_id)
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE domain_user SET password_hash = $2 WHERE domain_id = $1", domain_id,
                         hash_password(PASSWORD))
        admin_id = await tx.fetchval("SELECT id FROM domain_user WHERE domain_id = $1 AND login = 'ivanov'", domain_id)
    await acknowledge(actor)
    admin = Someone(admin_id, "ivanov", COMPANIES[0].domain,
                    Actor(ActorKind.DOMAIN_USER, admin_id, "ivanov", "", domain_id))
    made = World(admin, len(COMPANIES[0].people), node_id)
    await some_calls(made, 6)
    return made


async def test_domain_panel(panel: Panel, company: World) -> None:
    await panel.sign_in(company.admin.login, company.admin.domain)
    assert await walk(panel, ["/", "/finance", "/me", "/users/delete", "/no-such-page"], look="ru") == []


async def test_workplace_of_an_operator(panel: Panel, company: World) -> None:
    await panel.sign_in("smirnova", company.admin.domain)
    assert await walk_only(panel, ["/work"]) == []


async def test_domain_panel_in_english(panel: Panel, company: World) -> None:
    await panel.goto("/sign-in")
    await panel.page.click("button[lang=en]")
    await panel.sign_in(company.admin.login, company.admin.domain)
    for path in ("/", "/users", "/users/new", "/calls", "/finance", "/finance/ledger", "/numbers", "/groups",
                 "/groups/messages", "/groups/vip", "/groups/reports", "/groups/live", "/groups/live/groups", "/routing",
                 "/private-routes", "/ivr", "/services", "/recording", "/speech", "/campaigns", "/autodialler",
                 "/widgets", "/integration-api", "/crm", "/devices", "/settings/sounds"):
        await panel.goto(path)
        assert await panel.does_not_fit() == [], path
        assert not re.search("[А-Яа-я]{3,} [а-я]{3,}", await panel.at("main .sw-head").first.inner_text()), path


async def test_empty_trial_and_blocked_domains(panel: Panel, second_panel: Panel) -> None:
    trial = await a_user(is_admin=True, actor=(await a_world(people=1, balance="0", commercial=False)).actor)
    await panel.sign_in(trial.login, trial.domain)
    assert await panel.at(".sw-banner").count() == 1
    assert await walk_only(panel, ["/", "/users", "/calls", "/finance/ledger", "/finance/payments"]) == []
    blocked = await a_world(people=2, balance="100")
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(blocked.actor.domain_id)
        await bound.execute("INSERT INTO domain_block (domain_id, kind) VALUES ($1, 'financial')", bound.domain_id)
    await second_panel.sign_in(blocked.admin.login, blocked.admin.domain)
    assert await second_panel.at(".sw-banner").count() == 1
    assert await walk_only(second_panel, ["/", "/users"]) == []


async def walk_only(panel: Panel, paths: list[str]) -> list[str]:
    problems = []
    for path in paths:
        await panel.goto(path)
        problems += [f"{path}: {one}" for one in await look_at(panel, "ru")]
    return problems


async def test_plain_user(panel: Panel, world: World) -> None:
    user = await a_user(world.actor)
    await panel.sign_in(user.login, user.domain)
    assert await walk(panel, ["/me"], look="ru") == []


async def test_pool_console(panel: Panel) -> None:
    supervisor = await a_pool_admin()
    for number in range(3):
        made = await a_world(people=3)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE domain SET pool_id = $2, route_number = $3 WHERE id = $1", made.actor.domain_id,
                             supervisor.pool_id, str(4455 + number))
    await panel.sign_in(supervisor.login, at="/group")
    assert await walk(panel, ["/group"], look="ru") == []


async def test_provider_console(panel: Panel, company: World) -> None:
    someone = await a_staff_member()
    await panel.sign_in(someone.login, at="/provider")
    pool = await a_pool_admin()
    starts = ["/provider", f"/provider/domains/{company.actor.domain_id}", f"/provider/pools/{pool.pool_id}",
              "/provider/search?q=ivan"]
    assert await walk(panel, starts, look="ru") == []


async def test_provider_console_in_english(panel: Panel, world: World) -> None:
    """English words are longer in some lists."""
    await panel.goto("/sign-in")
    await panel.page.click("button[lang=en]")
    await panel.sign_in((await a_staff_member()).login, at="/provider")
    domain = f"/provider/domains/{world.actor.domain_id}"
    for path in ("/provider/numbers", "/provider/corrections", "/provider/bank", "/provider/income", "/provider/guards",
                 "/provider/books", "/provider/billing-days", "/provider/unrated", "/provider/tariffs",
                 f"{domain}/account"):
        await panel.goto(path)
        assert await panel.does_not_fit() == [], path


async def test_doors(panel: Panel, chromium: Browser) -> None:
    paths = ["/sign-in", "/restore-password", "/new-password?token=x", "/group/sign-in", "/provider/sign-in"]
    problems = []
    for path in paths:
        await panel.goto(path)
        problems += [f"{path}: {one}" for one in await look_at(panel, "ru")]
    assert problems == []
