"""Tariff pages: rows with bands in the list, in the preview and in the file that comes back."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.kernel.db import platform_transaction
from app.kernel.i18n import format_money
from app.kernel.money import Money
from billing.tariffs import service
from billing.tariffs.csvfile import parse_rates
from tests.db.billing_factories import channel
from tests.db.factories import STAFF
from tests.db.test_tariff_rows import FILE, a_version
from tests.http.browser import Browser
from tests.http.provider_help import Console, a_console

pytestmark = pytest.mark.anyio
MOSCOW = ZoneInfo("Europe/Moscow")



@pytest.mark.req("FIN-57", "FIN-58")
async def test_bands_and_steps_are_shown_compared_and_exported(client: Browser) -> None:
    console = await a_console(client)
    tariff_id, first = await a_version(parse_rates(FILE.encode()).rows)
    async with platform_transaction(STAFF) as tx:
        await service.publish(tx, first, tx.now.astimezone(MOSCOW).date())
        second = await service.import_draft(tx, tariff_id, parse_rates(
            FILE.replace("Moscow;1;1-5", "Moscow;1.1;1-5").encode()).rows)
    page = (await console.get(f"/provider/tariffs/versions/{second}")).text
    assert page.count("Mon, Tue, Wed, Thu, Fri 20:00–24:00") == 3  # among the differences, in the list, and there for narrow screens
    assert "from second 60:" in page
    assert "minute package" in page
    assert "weight 20" in page
    assert "several rows" in (await console.get(f"/provider/tariffs/{tariff_id}/import")).text
    sent = await console.get(f"/provider/tariffs/versions/{second}/export")
    again = parse_rates(sent.content)
    assert again.errors == ()
    assert [row.band for row in again.rows] == [row.band for row in parse_rates(FILE.encode()).rows]


async def _created(console: Console, **terms: str) -> tuple[str, str]:
    """(tariff, its first draft)."""
    answer = await console.post("/provider/tariffs", name=f"Package {channel()}", **terms)
    assert answer.status_code == 200, answer.text
    tariff = answer.headers["hx-redirect"]
    found = re.search(r"/provider/tariffs/versions/\d+", (await console.get(tariff)).text)
    assert found
    return tariff, found[0]


@pytest.mark.req("FIN-15")
async def test_a_tariff_with_a_minute_package_is_created_and_shown(client: Browser) -> None:
    console = await a_console(client)
    _tariff, draft = await _created(console, included_minutes="4321", mgp="500,50", discount_percent="7,5")
    page = (await console.get(draft)).text
    for shown in ("4,321", "500.50", "7.5\u00a0%", "Additional user"):
        assert shown in page, shown
    for field, wrong in (("included_minutes", "-1"), ("included_minutes", "1000001"), ("included_minutes", "many"),
                         ("mgp", "-0.01"), ("mgp", "1.001"), ("discount_percent", "100.01"),
                         ("discount_percent", "NaN")):
        refused = await console.post("/provider/tariffs", **{"name": f"Package {channel()}", field: wrong})
        assert refused.status_code == 422, (field, wrong)


def money(amount: str) -> str:
    return format_money(Money.parse(amount))


RATES = "prefix;destination;price\n7;Россия;1,5\n49;Germany;10\n"


def _file(text: str) -> dict:
    return {"file": ("rates.csv", text.encode(), "text/csv")}


@pytest.mark.req("FIN-62")
async def test_terms_and_services_of_a_draft_are_changed_until_it_is_published(client: Browser) -> None:
    console = await a_console(client)
    tariff, draft = await _created(console, included_users="3", user_monthly="150,00")
    assert (await console.post(f"{tariff}/import", files=_file(RATES))).headers["hx-redirect"] == draft
    assert (await console.post(f"{draft}/terms", included_minutes="100", mgp="300", discount_percent="5")
            ).status_code == 200
    new = {"service": "crm", "level": "special", "monthly": "416,67", "connection": "10", "cycle": "monthly",
           "included": "1"}
    assert "crm" in (await console.get(f"{draft}/services/new")).text
    assert (await console.post(f"{draft}/services", **new)).status_code == 200
    assert (await console.post(f"{draft}/services", **new)).status_code == 422  # is there
    assert (await console.post(f"{draft}/services", **{**new, "service": "no_such"})).status_code == 404
    for wrong in ({"monthly": "-1"}, {"level": "planet"}, {"cycle": "hourly"}, {"included": "-1"}, {"monthly": "1.005"}):
        assert (await console.post(f"{draft}/services/crm", **{**new, **wrong})).status_code == 422, wrong
    users = {"level": "operator", "monthly": "1"}
    assert (await console.post(f"{draft}/services/additional_user", **users)).status_code == 422
    assert "416.67" in (await console.get(draft)).text
    today = re.search(r'value="(\d{4}-\d\d-\d\d)"', (await console.get(f"{draft}/publish")).text)
    assert today
    assert (await console.post(f"{draft}/publish", valid_from=today[1])).status_code == 200

    assert (await console.post(f"{draft}/terms", mgp="1")).status_code == 409
    assert (await console.post(f"{draft}/services/crm", **{**new, "monthly": "1"})).status_code == 409
    assert (await console.post(f"{draft}/services/crm/remove")).status_code == 409
    assert (await console.post(f"{draft}/import", files=_file(RATES))).status_code == 409
    assert (await console.get(f"{draft}/terms")).status_code == 409
    card = (await console.get(tariff)).text
    assert "416.67" in card
    assert "In force" in card


async def test_a_new_draft_is_a_copy_and_shows_what_becomes_different(client: Browser) -> None:
    console = await a_console(client)
    tariff, first = await _created(console, included_users="3", user_monthly="150,00", mgp="200")
    await console.post(f"{tariff}/import", files=_file(RATES))
    await console.post(f"{first}/publish", valid_from=f"{datetime.now(MOSCOW):%Y-%m-%d}")
    second = (await console.post(f"{tariff}/drafts")).headers["hx-redirect"]
    page = (await console.get(second)).text
    assert "Unchanged: 2" in page
    assert "Conditions and services are the same." in page
    await console.post(f"{second}/terms", mgp="250", discount_percent="10")
    await console.post(f"{second}/services/additional_user", level="user", monthly="160", included="2")
    await console.post(f"{second}/services", service="crm", level="special", monthly="100")
    page = (await console.get(second)).text
    for shown in (money("200"), money("250"),
                  f"{money('160')} per month, each day; connection {money('0')}; Users; 2 without charge"):
        assert shown in page, shown
    assert "Unchanged: 2" in page
    # the rates of a file leave the terms of the version in force alone
    third = (await console.post(f"{tariff}/import", files=_file(RATES.replace("10", "11")))).headers["hx-redirect"]
    assert "Conditions and services are the same." in (await console.get(third)).text
    # into a draft: only its rates change
    assert (await console.post(f"{second}/import", files=_file(RATES.replace("49", "33")))).status_code == 200
    page = (await console.get(second)).text
    assert "Added: 1" in page
    assert money("250") in page
    assert (await console.post(f"{second}/services/additional_user/remove")).status_code == 200
    assert "Additional user" in (await console.get(f"{second}/publish")).text  # what domains will lose
    assert (await console.post(f"{second}/discard")).status_code == 200
    assert (await console.get(second)).status_code == 404


async def test_who_only_reads_changes_no_draft(client: Browser) -> None:
    console = await a_console(client)
    tariff, draft = await _created(console)
    reader = await a_console(client, "support")
    for path in (f"{tariff}/drafts", f"{draft}/terms", f"{draft}/services", f"{draft}/publish", f"{draft}/discard"):
        assert (await reader.post(path)).status_code == 403, path
    assert (await reader.get(draft)).status_code == 200
    for gone in ("/provider/tariffs/999999999/drafts", "/provider/tariffs/versions/999999999/terms"):
        assert (await console.post(gone)).status_code in (403, 404)
