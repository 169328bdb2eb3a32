"""Whose lost phone may be forgotten by whom: the pool's supervisor, the provider; nobody their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF
from tests.db.pool_factories import Pool, a_pool
from tests.http.browser import Browser
from tests.http.people import a_staff_member, a_user
from tests.http.provider_help import value
from tests.http.test_auth_factor import set_up

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]
GROUP, PROVIDER = "/group", "/provider"


@dataclass
class Seat:
    """Somebody signed in at a panel."""

    browser: Browser
    panel: str

    async def post(self, path: str) -> int:
        return (await self.browser.post(path, headers={"X-CSRF-Token": await self.browser.csrf(f"{self.panel}"),
                                                       "HX-Request": "true"})).status_code

    async def get(self, path: str) -> int:
        return (await self.browser.get(path)).status_code


async def seat(web: Any, panel: str, login: str) -> Seat:
    browser = Browser(web)
    assert (await browser.sign_in_at(panel, login)).status_code == 303
    return Seat(browser, panel)


async def email(table: str, person_id: int, address: str) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute(f"UPDATE {table} SET email = $2, locale = 'en' WHERE id = $1", person_id, address)


async def letters(address: str) -> list[str]:
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT body FROM mail_message WHERE recipient = $1 AND subject LIKE 'The second factor%'",
                              address)
    return [row["body"] for row in rows]


async def a_branch(pool: Pool) -> None:
    await pool.administrator("branch", [await pool.group("Branch")])


async def with_factor(web: Any, pool: Pool, who: str) -> Seat:
    """An administrator of the pool who has set up a factor and sits at their page."""
    member = pool.people[who]
    await email("pool_admin", member.id, f"{member.login}@pool.example")
    found = await seat(web, GROUP, member.login)
    await set_up(found.browser, "/group/profile/security")
    assert await found.get(GROUP) == 200
    return found


async def test_a_supervisor_resets_the_factor_of_somebody_of_the_pool(web: Any) -> None:
    pool, other = await a_pool(), await a_pool()
    await a_branch(pool)
    branch = pool.people["branch"]
    reset = f"/group/administrators/{branch.id}/second-factor"
    chief = await seat(web, GROUP, pool.people["chief"].login)
    assert reset not in (await chief.browser.get(f"/group/administrators/{branch.id}")).text
    assert await chief.post(reset) == 409  # there is none
    lost = await with_factor(web, pool, "branch")
    stranger = await seat(web, GROUP, other.people["chief"].login)
    assert (await stranger.get(reset), await stranger.post(reset)) == (404, 404)
    assert await lost.post(f"/group/administrators/{pool.people['chief'].id}/second-factor") == 403
    assert await lost.post(reset) == 403
    await set_up(chief.browser, "/group/profile/security")
    own = f"/group/administrators/{pool.people['chief'].id}/second-factor"
    assert own not in (await chief.browser.get(own.removesuffix("/second-factor"))).text
    assert await chief.post(own) == 409  # one's own needs a code
    assert reset in (await chief.browser.get(f"/group/administrators/{branch.id}")).text
    assert await chief.get(reset) == 200
    assert await chief.post(reset) == 200
    assert await lost.get(GROUP) == 303  # what was open is over
    again = await lost.browser.sign_in_at(GROUP, branch.login)
    assert again.headers["location"] == GROUP  # the password alone
    assert await value("SELECT array_agg(actor_login || ' ' || pool_id) FROM action_history "
                       "WHERE action = 'second_factor_reset' AND object_id = $1 AND object_type = 'pool_admin'",
                       branch.id) == [f"{pool.people['chief'].login} {pool.id}"]
    told = await letters(f"{branch.login}@pool.example")
    assert len(told) == 1
    assert "/group/profile/security" in told[0]


async def test_a_locked_supervisor_resets_nothing(web: Any) -> None:
    pool = await a_pool()
    await a_branch(pool)
    await with_factor(web, pool, "branch")
    chief = await seat(web, GROUP, pool.people["chief"].login)
    await value("UPDATE pool_admin SET is_active = false WHERE id = $1 RETURNING id", pool.people["chief"].id)
    assert await chief.post(f"/group/administrators/{pool.people['branch'].id}/second-factor") in (303, 403)
    assert await value("SELECT totp_secret IS NOT NULL FROM pool_admin WHERE id = $1", pool.people["branch"].id)


@pytest.mark.parametrize("role", ["administrator", "billing"])
async def test_the_provider_resets_a_pools_administrator(web: Any, role: str) -> None:
    pool, other = await a_pool(), await a_pool()
    chief = pool.people["chief"]
    lost = await with_factor(web, pool, "chief")
    card = f"/provider/pools/{pool.id}"
    reset = f"{card}/administrators/{chief.id}/second-factor"
    support = await seat(web, PROVIDER, (await a_staff_member("support")).login)
    assert "second-factor" not in (await support.browser.get(card)).text
    assert (await support.get(reset), await support.post(reset)) == (403, 403)
    member = await a_staff_member(role)
    console = await seat(web, PROVIDER, member.login)
    wrong = reset.replace(f"/pools/{pool.id}/", f"/pools/{other.id}/")
    assert (await console.get(wrong), await console.post(wrong)) == (404, 404)
    assert reset in (await console.browser.get(card)).text
    assert await console.get(reset) == 200
    assert await console.post(reset) in (200, 303)
    assert reset not in (await console.browser.get(card)).text
    assert await lost.get(GROUP) == 303
    assert await console.post(reset) == 409
    assert await value("SELECT actor_login || ' ' || pool_id FROM action_history WHERE action = 'second_factor_reset' "
                       "AND object_id = $1 AND object_type = 'pool_admin'", chief.id) == f"{member.login} {pool.id}"
    assert len(await letters(f"{chief.login}@pool.example")) == 1


async def test_the_provider_helps_the_only_administrator_of_a_domain(web: Any) -> None:
    boss = await a_user(is_admin=True, email="only-boss@company.example", locale="en")
    plain, stranger = await a_user(boss.actor), await a_user(is_admin=True)
    for person in (boss, plain, stranger):
        async with Browser(web) as browser:
            await browser.sign_in(person.login, person.domain)
            await set_up(browser)
    lost = Browser(web)
    await lost.sign_in(boss.login, boss.domain)
    domain_id = boss.actor.domain_id
    card = f"/provider/domains/{domain_id}"
    support = await seat(web, PROVIDER, (await a_staff_member("support")).login)
    console = await seat(web, PROVIDER, (await a_staff_member()).login)
    reset = f"{card}/administrators/{boss.id}/second-factor"
    assert "second-factor" not in (await support.browser.get(card)).text
    assert (await support.get(reset), await support.post(reset)) == (403, 403)
    for nobody in (plain.id, stranger.id, 999999999):  # a plain user turns to their own administrator
        wrong = f"{card}/administrators/{nobody}/second-factor"
        assert (await console.get(wrong), await console.post(wrong)) == (404, 404)
    assert reset in (await console.browser.get(card)).text
    assert await console.get(reset) == 200
    assert await console.post(reset) in (200, 303)
    assert await console.post(reset) == 409
    assert (await lost.sign_in(boss.login, boss.domain)).headers["location"] == "/"
    async with domain_transaction(boss.actor) as tx:
        found = await tx.fetch("SELECT object_id, actor_kind FROM action_history WHERE domain_id = $1 "
                               "AND action = 'second_factor_reset'", domain_id)
    assert [tuple(row) for row in found] == [(boss.id, "staff")]
    assert len(await letters("only-boss@company.example")) == 1


async def test_nobody_of_the_staff_goes_round_their_own_factor(web: Any) -> None:
    member = await a_staff_member()
    console = await seat(web, PROVIDER, member.login)
    await set_up(console.browser, "/provider/security")
    assert await console.post(f"/provider/staff/{member.id}/factor") == 409
    assert await value("SELECT totp_secret IS NOT NULL FROM staff WHERE id = $1", member.id)
    helper = await a_staff_member()
    await email("staff", member.id, "staff-lost@provider.example")
    other = await seat(web, PROVIDER, helper.login)
    assert await other.post(f"/provider/staff/{member.id}/factor") == 200
    assert await console.get(PROVIDER) == 303
    assert len(await letters("staff-lost@provider.example")) == 1
