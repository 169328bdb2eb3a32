"""Schemes of numbers: rules, order, lists, copies, objects that are deleted; foreign ids are unknown."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.kernel.db import domain_transaction
from tenants.destinations import registry
from tenants.destinations.model import Destination, Kind
from tenants.routing import queries, service
from tests.db.factories import a_domain
from tests.db.test_users import generation
from tests.db.test_users_numbers import a_number
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.test_numbers import admin  # noqa: F401  the same administrator
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio
NASTY = ("${SHELL(id)}", "<script>alert(1)</script>", "495\nexten => s,1,System(id)", "'; DROP TABLE routing_rule; --")


async def rules(someone: Someone, number: int) -> list[Any]:
    async with domain_transaction(someone.actor) as tx:
        return (await queries.rules_of(tx, [number]))[number]


def rule_form(**changes: Any) -> dict[str, Any]:
    return {"is_active": "on", "target_kind": "hangup"} | changes


@pytest.mark.req("RTE-06", "RTE-13", "RTE-53")
async def test_rules_are_added_last_moved_and_renumbered(client: Browser, admin: Someone) -> None:  # noqa: F811
    number = await a_number(admin.actor)
    assert "every caller hears the busy tone" in (await client.get("/routing")).text
    before = await generation(admin.actor)
    await post(client, f"/routing/{number}/new", rule_form(target_kind="user", target_id=str(admin.id)))
    await post(client, f"/routing/{number}/new", rule_form(
        has_schedule="on", days=["12345", "67"], start=["10:00", "00:00"], end=["19:00", "00:00"]))
    answer = await post(client, f"/routing/{number}/new", rule_form(has_prefixes="on", prefixes="495 499,495"))
    assert "mon-fri: 10:00-19:00, sat-sun: 00:00-00:00" in answer.text
    assert "495,499" in answer.text
    assert answer.text.count("is-shadowed") == 2
    assert await generation(admin.actor) == before + 3
    first, second, third = [rule.id for rule in await rules(admin, number)]
    answer = await post(client, f"/routing/{number}/order", {"order": [str(third), str(second), str(first)]})
    assert answer.status_code == 200
    assert [(rule.id, rule.place) for rule in await rules(admin, number)] == [(third, 1), (second, 2), (first, 3)]
    for wrong in ([third, second], [third, second, second], [third, second, first + 10**6]):
        refused = await post(client, f"/routing/{number}/order", {"order": [str(one) for one in wrong]})
        assert refused.status_code == 409
    await post(client, f"/routing/rules/{second}/delete")
    assert [(rule.id, rule.place) for rule in await rules(admin, number)] == [(third, 1), (first, 2)]
    page = (await client.get("/routing")).text
    assert f"/users/{admin.id}" in page


@pytest.mark.req("RTE-51", "RTE-52")
async def test_a_rule_is_changed_in_its_window(client: Browser, admin: Someone) -> None:  # noqa: F811
    number = await a_number(admin.actor)
    await post(client, f"/routing/{number}/new", rule_form(
        target_kind="voicemail", target_owner="user", target_id=str(admin.id), has_schedule="on", days="12345",
        start="10:00", end="19:00"))
    rule = (await rules(admin, number))[0]
    window = (await client.get(f"/routing/rules/{rule.id}")).text
    assert "To voice mail of a user or group" in window
    assert f'href="/users/{admin.id}"' in window
    assert "mon-fri: 10:00-19:00" in window
    await post(client, f"/routing/rules/{rule.id}", {"target_kind": "voicemail", "target_owner": "user",
                                                     "target_id": str(admin.id)})
    after = (await rules(admin, number))[0]
    assert (after.is_active, after.has_schedule, after.target) == (False, False, rule.target)
    assert "is-inactive" in (await client.get("/routing")).text


@pytest.mark.req("RTE-32", "RTE-18")
async def test_what_cannot_be_is_told_under_its_field(client: Browser, admin: Someone) -> None:  # noqa: F811
    number = await a_number(admin.actor)
    path = f"/routing/{number}/new"
    assert errors(await post(client, path, rule_form(target_kind="user"))).keys() == {"target_kind"}
    assert errors(await post(client, path, rule_form(target_kind=""))).keys() == {"target_kind"}
    answer = await post(client, path, rule_form(has_schedule="on", days="1", start="19:00", end="10:00",
                                                has_prefixes="on", prefixes="495 abc"))
    assert errors(answer).keys() == {"schedule", "prefixes"}
    assert "abc" in errors(answer)["prefixes"]
    for text in NASTY:
        answer = await post(client, path, rule_form(has_prefixes="on", prefixes=text))
        assert answer.status_code == 422
        assert "<script>alert" not in answer.text
        assert (await post(client, path, rule_form(target_kind="private_route", target_number=text))).status_code == 422
        assert (await post(client, f"/routing/{number}/black", value=text)).status_code == 422
    assert not await rules(admin, number)


async def test_the_warning_of_a_private_route_is_told(client: Browser, admin: Someone,  # noqa: F811
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the service the kind is not there, whatever a form sends [RTE-33, RTE-35]."""
    number = await a_number(admin.actor)
    form = rule_form(target_kind="private_route", target_number="101")

    async def yes(_tx: Any) -> bool:
        return True

    async def check(_tx: Any, dialled: str) -> str:
        return f"Every route to {dialled} is off."

    monkeypatch.setattr(registry, "_private_routes", [])
    assert (await post(client, f"/routing/{number}/new", form)).status_code == 404
    assert not await rules(admin, number)
    monkeypatch.setattr(registry, "_private_routes", [registry.PrivateRoutes(yes, check)])
    answer = await post(client, f"/routing/{number}/new", form)
    assert answer.status_code == 200
    assert "Every route to 101 is off." in str(answer.headers)
    [rule] = await rules(admin, number)
    monkeypatch.setattr(registry, "_private_routes", [])  # it was switched off: the rule may still be changed
    assert (await post(client, f"/routing/rules/{rule.id}", {"is_active": "on"})).status_code == 200


@pytest.mark.req("RTE-55")
async def test_t15_copies_replace_the_rules_of_the_other_number(client: Browser, admin: Someone) -> None:  # noqa: F811
    x, y = await a_number(admin.actor), await a_number(admin.actor)
    for prefixes in ("495", "499", "812"):
        await post(client, f"/routing/{x}/new", rule_form(has_prefixes="on", prefixes=prefixes))
    for _each in range(2):
        await post(client, f"/routing/{y}/new", rule_form())
    await post(client, f"/routing/{y}/black", value="+79990000001")
    assert f'value="{x}"' not in (await client.get(f"/routing/{x}/copy")).text
    assert (await post(client, f"/routing/{x}/copy", number_id=str(y))).status_code == 200
    copied = await rules(admin, y)
    assert [(rule.place, rule.prefixes) for rule in copied] == [(1, ("495",)), (2, ("499",)), (3, ("812",))]
    assert len(await rules(admin, x)) == 3
    async with domain_transaction(admin.actor) as tx:
        assert await queries.entries(tx, y, "black") == ["79990000001"]
    await post(client, f"/routing/rules/{copied[0].id}/delete")
    assert len(await rules(admin, x)) == 3
    assert (await post(client, f"/routing/{x}/copy", number_id=str(x))).status_code == 422


@pytest.mark.req("NUM-24", "NUM-25", "NUM-26", "NUM-27")
async def test_lists_of_a_number(client: Browser, admin: Someone) -> None:  # noqa: F811
    first, second = await a_number(admin.actor), await a_number(admin.actor)
    both = await post(client, f"/routing/{first}", blacklist="on", whitelist="on")
    assert errors(both).keys() == {"whitelist"}
    answer = await post(client, f"/routing/{first}", whitelist="on")
    assert "White list" in answer.text
    assert re.search(r"<div data-white-empty", (await client.get(f"/routing/{first}")).text)
    for text, shown in (("8 (999) 000-00-01", "79990000001"), ("+4930123456", "4930123456"), ("101", "101")):
        answer = await post(client, f"/routing/{first}/white", value=text)
        assert f'value="{shown}"' in answer.text, text
    for wrong in ("79990000001", "9990000001", "12", "", "1234567890123456", "abc"):  # twice, too short, too long
        assert (await post(client, f"/routing/{first}/white", value=wrong)).status_code == 422, wrong
    await post(client, f"/routing/{first}/white/delete", value="101")
    await post(client, f"/routing/{first}")  # switched off: the entries stay
    async with domain_transaction(admin.actor) as tx:
        assert await queries.entries(tx, first, "white") == ["4930123456", "79990000001"]
        assert not await queries.entries(tx, second, "white")
        assert not await queries.entries(tx, first, "black")


@pytest.mark.req("RTE-57")
async def test_rules_of_a_deleted_user_stay_and_are_off(client: Browser, admin: Someone) -> None:  # noqa: F811
    anna, number = await a_user(admin.actor, "anna"), await a_number(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        await service.route_to(tx, number, Destination(Kind.USER, anna.id))
        rule_id = await service.add_rule(tx, number, service.RuleData(Destination(Kind.FAX, anna.id, "user")))
    asked = (await client.get(f"/users/{anna.id}/delete")).text
    assert "Numbers whose rules lead there" in asked
    assert "+7 495" in asked
    await post(client, f"/users/{anna.id}/delete")
    assert [(rule.is_active, rule.target) for rule in await rules(admin, number)] == [(False, None)] * 2
    page = (await client.get("/routing")).text
    assert page.count("Target deleted") == 2
    refused = await post(client, f"/routing/rules/{rule_id}", {"is_active": "on"})
    assert errors(refused).keys() == {"target_kind"}
    answer = await post(client, f"/routing/rules/{rule_id}", {"is_active": "on", "target_kind": "user",
                                                              "target_id": str(admin.id)})
    assert answer.status_code == 200


async def test_foreign_numbers_rules_and_people_are_unknown(client: Browser, admin: Someone) -> None:  # noqa: F811
    other = await a_user(await a_domain(), login="stranger")
    theirs, ours = await a_number(other.actor), await a_number(admin.actor)
    async with domain_transaction(other.actor) as tx:
        rule_id = await service.add_rule(tx, theirs, service.RuleData(Destination(Kind.HANGUP)))
    for path in (f"/routing/{theirs}", f"/routing/{theirs}/new", f"/routing/{theirs}/copy", f"/routing/{theirs}/black",
                 f"/routing/rules/{rule_id}", f"/routing/rules/{rule_id}/delete", f"/routing/{ours}/grey",
                 f"/routing/{2**70}"):
        assert (await client.get(path)).status_code == 404, path
    for path, data in ((f"/routing/{theirs}", {}), (f"/routing/{theirs}/new", rule_form()),
                       (f"/routing/{theirs}/order", {"order": [str(rule_id)]}),
                       (f"/routing/{theirs}/copy", {"number_id": str(ours)}),
                       (f"/routing/{ours}/copy", {"number_id": str(theirs)}),
                       (f"/routing/{theirs}/black", {"value": "101"}), (f"/routing/rules/{rule_id}", rule_form()),
                       (f"/routing/rules/{rule_id}/delete", {}),
                       (f"/routing/{ours}/new", rule_form(target_kind="user", target_id=str(other.id)))):
        assert (await post(client, path, data)).status_code == 404, path
    assert len(await rules(other, theirs)) == 1


async def test_the_picker_offers_people_by_name_login_and_number(client: Browser, admin: Someone) -> None:  # noqa: F811
    anna = await a_user(admin.actor, "anna")
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain_user SET extension = '2077' WHERE id = $1", anna.id)
    stranger = await a_user(await a_domain(), login="anna")
    number = await a_number(admin.actor)
    window = (await client.get(f"/routing/{number}/new")).text
    assert "Choose the object to which calls are transferred" in window
    for text in ("Ann", "anna", "2077"):
        found = (await client.get("/destinations/choices", params={"kind": "user", "search": text})).text
        assert "2077" in found
        assert f'value="{stranger.id}"' not in found
    assert "Nothing was found" in (await client.get("/destinations/choices",
                                                    params={"kind": "user", "search": "100%"})).text
    chosen = await client.get("/destinations/choices", params={"target_kind": "user", "target_id": str(admin.id)})
    assert re.search(rf'value="{admin.id}" checked', chosen.text)
    for wrong in ({}, {"kind": "pager"}, {"kind": "user", "prefix": "<b>"}):
        assert (await client.get("/destinations/choices", params=wrong)).status_code == 404
    foreign = (await client.get("/destinations/choices", params={"kind": "user", "target_id": str(stranger.id)})).text
    assert not re.search(r'value="\d+" checked', foreign)


async def test_at_most_a_hundred_rules(client: Browser, admin: Someone) -> None:  # noqa: F811
    number = await a_number(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        for _each in range(100):
            await service.add_rule(tx, number, service.RuleData(Destination(Kind.HANGUP)))
    assert (await post(client, f"/routing/{number}/new", rule_form())).status_code == 409
