"""The pages of call protection: what they store, what they refuse, who may open them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from billing.guards import hits
from tests.db.billing_factories import a_record
from tests.db.factories import STAFF
from tests.db.test_guards import CUBA, a_world_company, guard, stops, told
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.provider_help import a_console
from tests.http.test_users import LINES, NASTY, errors, post

pytestmark = pytest.mark.anyio
PAGE = "/settings/protection"
FIRST = {"new_destination": "", "work_from": "09:00", "work_until": "18:00", "work_days": ["1", "2"]}


@pytest.fixture
async def admin(client: Browser) -> Someone:
    company = await a_world_company()
    user = await a_user(company.actor, "admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


def company_of(user: Someone) -> Any:
    from tests.db.billing_factories import Company

    return Company(user.actor, 0, user.id)


async def stored(user: Someone) -> dict[str, Any]:
    async with domain_transaction(user.actor) as tx:
        return dict(await tx.fetchrow("SELECT * FROM domain_guard WHERE domain_id = $1", tx.domain_id) or {})


async def test_each_block_is_saved_on_its_own(client: Browser, admin: Someone) -> None:
    assert (await post(client, f"{PAGE}/limits", daily_cap="1 500,50", calls_per_minute="5")).status_code == 200
    answer = await post(client, f"{PAGE}/destinations", forbidden="+53\r\n8-809", allowed="810 53 71", international="on",
                        satellite="off")
    assert answer.status_code == 200
    answer = await post(client, f"{PAGE}/first-calls", FIRST, only_outside_hours="on", new_destination="block")
    assert answer.status_code == 200
    found = await stored(admin)
    assert (found["daily_cap"], found["calls_per_minute"], found["parallel_calls"]) == (Decimal("1500.50"), 5, None)
    assert (found["forbidden"], found["allowed"]) == (["53", "7809"], ["5371"])
    assert (found["international"], found["premium"], found["satellite"]) == (True, None, False)
    assert (found["new_destination"], found["work_days"], found["only_outside_hours"]) == ("block", "12", True)
    shown = (await client.get(PAGE)).text
    for text in ("1500.50", "+7809", "Forbidden prefixes", "No call was refused."):
        assert text in shown, text
    history = (await client.get("/history/actions")).text
    assert history.count("Call protection changed") >= 3


async def test_what_is_looser_than_the_provider_allows_is_told_at_its_field(client: Browser, admin: Someone) -> None:
    await guard(company_of(admin), max_daily_cap=Decimal(100), max_calls_per_minute=10)
    for cap, calls in (("101", "11"), ("0", "0")):
        wrong = errors(await post(client, f"{PAGE}/limits", daily_cap=cap, calls_per_minute=calls))
        assert wrong.keys() == {"daily_cap", "calls_per_minute"}
        assert "100" in wrong["daily_cap"]
    assert (await stored(admin))["daily_cap"] is None
    assert (await post(client, f"{PAGE}/limits", daily_cap="100", calls_per_minute="10")).status_code == 200


@pytest.mark.parametrize("field", ["forbidden", "allowed"])
async def test_hostile_prefixes_store_nothing(client: Browser, admin: Someone, field: str) -> None:
    for text in (*NASTY, "++53", "5" * 16, "\u0665\u0663", "5" * 25_000, "\n".join(str(n) for n in range(1, 600))):
        answer = await post(client, f"{PAGE}/destinations", {field: text})
        assert answer.status_code == 422, text[:40]
        assert "<script>alert" not in answer.text
    for text in LINES:
        assert (await post(client, f"{PAGE}/destinations", {field: text})).status_code == 422
    assert await stored(admin) == {}


@pytest.mark.parametrize(("path", "fields"), [
    ("limits", {"daily_cap": "-1"}), ("limits", {"daily_cap": "1e9"}), ("limits", {"daily_cap": "NaN"}),
    ("limits", {"daily_cap": "1.234"}), ("limits", {"calls_per_minute": "1.5"}), ("limits", {"max_daily_cap": "9"}),
    ("limits", {"calls_per_minute": "10001"}), ("destinations", {"premium": "maybe"}),
    ("destinations", {"provider_forbidden": "53"}), ("first-calls", FIRST | {"work_days": ["8"]}),
    ("first-calls", FIRST | {"work_from": "25:00"}), ("first-calls", FIRST | {"new_destination": "shout"}),
    ("confirm", {"destination": ""}),
])
async def test_values_that_cannot_be(client: Browser, admin: Someone, path: str, fields: dict[str, Any]) -> None:
    assert (await post(client, f"{PAGE}/{path}", fields)).status_code == 422
    assert await stored(admin) == {}


async def test_a_group_that_the_provider_locks_cannot_be_opened(client: Browser, admin: Someone) -> None:
    from app.kernel import parameters

    async def provider_says(lock: str) -> None:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('guard.satellite', $1) "
                             "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", lock)
        parameters.forget()

    await provider_says("locked")
    try:
        await post(client, f"{PAGE}/destinations", satellite="off", premium="off")
        assert ((await stored(admin))["satellite"], (await stored(admin))["premium"]) == (None, False)
        assert "forbidden by the provider" in (await client.get(PAGE)).text
        company = company_of(admin)
        assert (await company.authorise("+881612345678")).line() == "deny|guard_forbidden"
    finally:
        await provider_says("forbidden")


async def test_stopped_calls_are_on_every_page_and_let_go_on_here(client: Browser, admin: Someone) -> None:
    company = company_of(admin)
    assert (await post(client, f"{PAGE}/lift")).status_code == 404
    async with domain_transaction(admin.actor) as tx:
        await hits.start(tx, hits.REPEATED, "guard_rate:20", None)
    assert "Paid calls are stopped" in (await client.get("/users")).text
    shown = (await client.get(PAGE)).text
    assert "20 refusals within 10 minutes, the last one: too many paid calls within a minute" in shown
    assert (await post(client, f"{PAGE}/lift")).status_code == 200
    assert "Paid calls are stopped" not in (await client.get("/users")).text
    assert (await told(company))[0] == ["guard_stopped", "guard_released"]


async def test_a_destination_that_waits_is_confirmed_once(client: Browser, admin: Someone) -> None:
    company = company_of(admin)
    await guard(company, new_destination="block")
    assert (await company.authorise(CUBA)).line() == "deny|guard_new"
    assert "Cuba" in (await client.get(PAGE)).text
    assert (await post(client, f"{PAGE}/confirm", destination="CU")).status_code == 200
    assert (await post(client, f"{PAGE}/confirm", destination="CU")).status_code == 404
    assert (await post(client, f"{PAGE}/confirm", destination="' OR 1=1 --")).status_code == 404
    assert (await company.authorise(CUBA)).line().startswith("allow|")


async def test_the_journal_and_the_page_name_the_reason(client: Browser, admin: Someone) -> None:
    from pbx_provisioning.intake.service import take_in

    company = company_of(admin)
    async with domain_transaction(admin.actor) as tx:
        company.node_id = await tx.fetchval("SELECT pbx_node_id FROM domain WHERE id = $1", tx.domain_id)
    await take_in(company.node_id, [a_record(company, talked=0, reason="guard_forbidden", b_number="5371234567",
                                             is_billable=False)])
    for path in (PAGE, "/calls"):
        assert "Call protection: forbidden destination" in (await client.get(path)).text, path


async def test_who_may_open_it(client: Browser, admin: Someone) -> None:
    plain = await a_user(admin.actor)
    await client.sign_in(plain.login, plain.domain)
    assert (await client.get(PAGE)).status_code == 403
    assert (await post(client, f"{PAGE}/limits", daily_cap="1")).status_code == 403
    assert (await post(client, f"{PAGE}/lift")).status_code == 403


async def test_the_console_lists_who_is_stopped_and_lets_go_on(client: Browser, admin: Someone) -> None:
    company = company_of(admin)
    domain_id = admin.actor.domain_id
    async with domain_transaction(admin.actor) as tx:
        await hits.start(tx, hits.CAP, "30.00", None)
    console = await a_console(client, "billing")
    client.cookies["lang"] = "en"
    listed = (await console.get(f"/provider/guards?state=stopped&q={admin.domain}")).text
    assert "the daily cap of" in listed
    for sort in ("name", "-state", "spent", "-spent"):
        assert admin.domain in (await console.get(f"/provider/guards?sort={sort}&q={admin.domain}")).text
    for state in ("waits", "nonsense"):
        other = (await console.get(f"/provider/guards?state={state}&q={admin.domain}")).text
        assert (f"/provider/guards/{domain_id}" in other) is (state == "nonsense")
    assert "Paid calls are stopped" in (await console.get(f"/provider/guards/{domain_id}")).text
    answer = await console.post(f"/provider/guards/{domain_id}", max_daily_cap="50", provider_forbidden="+53",
                                max_calls_per_minute="", provider_allowed="8809")
    assert answer.status_code == 200, answer.text
    found = await stored(admin)
    assert (found["max_daily_cap"], found["provider_forbidden"], found["provider_allowed"]) == (50, ["53"], ["7809"])
    assert (await company.authorise(CUBA)).line() == "deny|guard_forbidden"
    await guard(company, provider_forbidden=[])
    assert (await console.post(f"/provider/guards/{domain_id}/lift")).status_code == 404  # raised: it has ended
    async with domain_transaction(admin.actor) as tx:
        await hits.start(tx, hits.CAP, "50.00", None)
    assert (await console.post(f"/provider/guards/{domain_id}/lift")).status_code == 200
    assert not await stops(company)
    assert (await console.post("/provider/guards/999999999/lift")).status_code == 404
    assert errors(await console.post(f"/provider/guards/{domain_id}", provider_forbidden="x")).keys() == {
        "provider_forbidden"}
    assert "Paid calls resumed" in (await console.get("/provider/history")).text


async def test_roles_of_the_console(client: Browser, admin: Someone) -> None:
    domain_id = admin.actor.domain_id
    console = await a_console(client, "support")
    assert (await console.get(f"/provider/guards/{domain_id}")).status_code == 200
    for path in (f"/provider/guards/{domain_id}", f"/provider/guards/{domain_id}/lift"):
        assert (await console.post(path)).status_code == 403
