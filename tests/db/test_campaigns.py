"""Campaigns: settings, statuses, the call list, and clients in the hands of operators."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.modules.campaigns import clients, queries, service, services, work
from app.modules.campaigns.rules import RETRY
from billing.accounts.blocks import FINANCIAL, end_block, start_block
from billing.services import service as paid
from tenants.destinations import registry
from tenants.users.operators import CONTACT_CENTRE
from tests.db.campaigns_world import Working, a_campaign, a_group, an_operator, an_owner, settings
from tests.db.services_world import a_company, a_service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.mark.req("CMP-D3")
async def test_switching_on_and_off() -> None:
    actor = await an_owner()
    group_id = await a_group(actor)
    now = clock.now()
    async with domain_transaction(actor) as tx:
        one = await service.create(tx, settings(group_id))
        assert not (await queries.campaign(tx, one)).is_active
        assert await service.switch(tx, one, True)
        assert not await service.switch(tx, one, True)
        over = await service.create(tx, settings(group_id, name="Прошлая", starts_at=now - timedelta(days=2),
                                                 ends_at=now - timedelta(days=1)))
        with pytest.raises(Refused):
            await service.switch(tx, over, True)
        await service.save(tx, one, settings(group_id, ends_at=now - timedelta(seconds=1)))
        assert await service.end_over(tx) == 1
        assert not (await queries.campaign(tx, one)).is_active
        await service.save(tx, one, settings(group_id))
        await service.switch(tx, one, True)
        assert [one.names for one in await registry.pointers(tx, "group", group_id)] == [["Оповещение об акции", "Прошлая"]]
        await registry.gone(tx, "group", group_id)
        await tx.execute("DELETE FROM call_group WHERE domain_id = $1", tx.domain_id)
        left = await queries.campaign(tx, one)
        assert (left.is_active, left.group_id, left.group) == (False, None, "")
        with pytest.raises(Refused):
            await service.switch(tx, one, True)


@pytest.mark.req("CMP-02")
async def test_only_with_the_contact_centre() -> None:
    stranger = await a_company(a_service("fmc", "special"))
    async with domain_transaction(stranger) as tx:
        with pytest.raises(Forbidden):
            await service.create(tx, settings(None))
    campaign = await a_campaign()
    await campaign.add("Николай", "444")
    async with domain_transaction(campaign.actor) as tx:  # in the group, but an operator no more
        await tx.execute("UPDATE domain_user SET is_operator = false WHERE id = $1", campaign.boris)
    with pytest.raises(Forbidden):
        await campaign.take(campaign.boris)
    async with domain_transaction(campaign.actor) as tx:
        assert (await services.affected(tx))[0].names == ["Оповещение об акции"]
        await paid.disconnect(tx, CONTACT_CENTRE)
        assert not (await queries.campaign(tx, campaign.id)).is_active
    with pytest.raises(Forbidden):
        await campaign.take(campaign.anna)


@pytest.mark.req("CMP-31", "CMP-32", "CMP-D5")
async def test_statuses() -> None:
    campaign = await a_campaign()
    client_id = await campaign.add("Николай", "444")
    async with domain_transaction(campaign.actor) as tx:
        own = await service.add_status(tx, campaign.id, " Перезвонить  позже ")
        for name in ("перезвонить позже", "Успешный вызов", "successful call", "Начальное состояние", "", "x" * 51):
            with pytest.raises(InvalidFields):
                await service.add_status(tx, campaign.id, name)
    await campaign.take(campaign.anna)
    await campaign.called(campaign.anna, "connected", 30)
    for code, number in (("initial", None), ("own", own + 1), ("own", None), ("x", None)):
        with pytest.raises(NotFound):
            await campaign.do(work.give_status, campaign.anna, code, number)
    await campaign.do(work.give_status, campaign.anna, "own", own)
    async with domain_transaction(campaign.actor) as tx:
        await service.delete_status(tx, campaign.id, own)
        assert await queries.statuses(tx, campaign.id) == []
    assert (await campaign.client(client_id)).status_label == "Перезвонить позже"
    assert len(await campaign.clients(status="own:Перезвонить позже")) == 1
    assert not await campaign.clients(status="initial")


@pytest.mark.req("CMP-50")
async def test_a_client_is_handed_to_one_operator() -> None:
    campaign = await a_campaign()
    await campaign.add("Николай", "444", "555", "777")
    await campaign.add("Роман", "111", "222", "333")
    assert sorted(await asyncio.gather(campaign.take(campaign.anna), campaign.take(campaign.boris))) == [
        "Николай", "Роман"]
    with pytest.raises(Refused):
        await campaign.take(campaign.anna)
    third = await an_operator(campaign.actor, "vera", "703")
    with pytest.raises(NotFound):  # in no group of the campaign
        await campaign.take(third)
    async with domain_transaction(campaign.actor) as tx:
        await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id) SELECT $1, id, $2 FROM call_group "
                         "WHERE domain_id = $1", tx.domain_id, third)
    assert await campaign.take(third) == ""
    with pytest.raises(Refused):
        await campaign.do(work.give_status, campaign.anna, "success", None)  # nobody was talked to
    await campaign.called(campaign.anna, "connected", 40)
    with pytest.raises(Refused):
        await campaign.take(campaign.anna)  # no next client before the status [CMP-D12]
    await campaign.do(work.give_status, campaign.anna, "success", None)
    assert await campaign.take(campaign.anna) == ""
    done = (await campaign.clients(status="success"))[0]
    assert (done.attempts, done.talk_seconds, done.operator_name, done.held_name) == (1, 40, "anna", "")
    assert done.last_attempt_at is not None


async def test_what_is_ordered() -> None:
    """The operator's phone first, his call in rights and money; each number rings for 20 seconds."""
    campaign = await a_campaign(max_talk_minutes=2)
    await campaign.add("Николай", "444", "8 905 123-45-67")
    await campaign.take(campaign.anna)
    await campaign.do(work.call, campaign.anna)
    order = await campaign.order(campaign.anna)
    assert (order["first_code"], order["then_code"], order["further_codes"]) == (
        f"u{campaign.anna}", "n444", ["n79051234567"])
    assert (order["at_once"], order["then_seconds"], order["talk_limit_seconds"], order["payer_user_id"]) == (
        False, 20, 120, campaign.anna)
    async with domain_transaction(campaign.actor) as tx:
        assert await tx.fetchval("SELECT in_campaign FROM operator_session WHERE user_id = $1", campaign.anna)
    with pytest.raises(Refused):
        await campaign.do(work.call, campaign.anna)
    await campaign.end(campaign.anna, "no_answer")  # the operator's own phone: no attempt
    async with domain_transaction(campaign.actor) as tx:
        assert not await tx.fetchval("SELECT in_campaign FROM operator_session WHERE user_id = $1", campaign.anna)
        await tx.execute("UPDATE operator_session SET wish = 'break' WHERE user_id = $1", campaign.anna)
    with pytest.raises(Refused):  # on a break
        await campaign.do(work.call, campaign.anna)
    parallel = await a_campaign(method="parallel")
    await parallel.add("Роман", "111", "222")
    await parallel.take(parallel.anna)
    await parallel.do(work.call, parallel.anna)
    assert (await parallel.order(parallel.anna))["at_once"]
    async with domain_transaction(parallel.actor) as tx:
        await service.switch(tx, parallel.id, False)
    assert not (await parallel.order(parallel.anna))["cancel_wanted"]  # stopping cuts no call [CMP-D3]


@pytest.mark.req("CMP-52")
async def test_attempts() -> None:
    moment = clock.now()
    campaign = await a_campaign(attempts=2)
    client_id = await campaign.add("Николай", "444")
    await campaign.take(campaign.anna)
    with clock.at(moment):
        await campaign.called(campaign.anna, "not_connected")
    one = await campaign.client(client_id)
    assert (one.status, one.attempts, one.held_name) == ("initial", 1, "")
    assert await campaign.take(campaign.boris) == ""  # not before ten minutes
    with clock.at(moment + RETRY + timedelta(seconds=1)):
        assert await campaign.take(campaign.boris) == "Николай"
        await campaign.do(work.call, campaign.boris)
        await campaign.end(campaign.boris, "not_connected", reason="no_channel")  # nobody was called
        assert (await campaign.client(client_id)).attempts == 1
        await campaign.called(campaign.boris, "not_connected")
    one = await campaign.client(client_id)
    assert (one.status, one.attempts, one.operator_name) == ("no_answer", 2, "boris")
    with clock.at(moment + timedelta(days=1)):
        assert await campaign.take(campaign.anna) == ""


async def test_while_the_domain_is_blocked_no_client_is_offered() -> None:
    """[GEN-D3]"""
    campaign = await a_campaign()
    await campaign.add("Николай", "444")
    await campaign.add("Роман", "555")
    await campaign.take(campaign.boris)
    async with domain_transaction(campaign.actor) as tx:
        await start_block(tx, FINANCIAL, "")
    with pytest.raises(Refused, match=r"заблокирован|blocked"):
        await campaign.take(campaign.anna)
    with pytest.raises(Refused, match=r"заблокирован|blocked"):
        await campaign.do(work.call, campaign.boris)
    async with domain_transaction(campaign.actor) as tx:
        assert not await tx.fetchval("SELECT in_campaign FROM operator_session WHERE user_id = $1", campaign.boris)
        assert await end_block(tx, FINANCIAL)
    assert await campaign.take(campaign.anna) == "Роман"
    await campaign.do(work.call, campaign.boris)  # goes on by itself


@pytest.mark.parametrize("reason", ["funds", "trial", "trunk"])
async def test_what_was_never_dialled_is_no_attempt(reason: str) -> None:
    campaign = await a_campaign(attempts=1)
    client_id = await campaign.add("Николай", "444")
    await campaign.take(campaign.anna)
    await campaign.do(work.call, campaign.anna)
    await campaign.end(campaign.anna, "not_connected", reason=reason)
    one = await campaign.client(client_id)
    assert (one.attempts, one.status, one.held_name) == (0, "initial", "anna")


async def test_skipping_leaving_and_going_away() -> None:
    campaign = await a_campaign()
    for name, number in (("Николай", "444"), ("Роман", "555")):
        await campaign.add(name, number)
    await campaign.take(campaign.anna)
    await campaign.do(work.skip, campaign.anna)
    assert await campaign.take(campaign.anna) == "Роман"
    await campaign.do(work.leave, campaign.anna)
    assert await campaign.take(campaign.anna) == "Роман"
    await campaign.called(campaign.anna, "connected", 5)
    with pytest.raises(Refused):
        await campaign.do(work.leave, campaign.anna)
    await campaign.take(campaign.boris)
    moment = clock.now()
    with clock.at(moment):
        await campaign.do(work.look_after)
    async with domain_transaction(campaign.actor) as tx:  # both go offline
        await tx.execute("DELETE FROM operator_session WHERE domain_id = $1", tx.domain_id)
    for wait, expected in ((timedelta(minutes=4, seconds=59), [("initial", "boris"), ("initial", "anna")]),
                           (timedelta(minutes=5, seconds=1), [("initial", ""), ("success", "")])):
        with clock.at(moment + wait):
            await campaign.do(work.look_after)
        assert [(one.status, one.held_name) for one in await campaign.clients()] == expected
    assert [one.attempts for one in await campaign.clients()] == [0, 1]


@pytest.mark.req("CMP-D7", "CMP-D9", "CMP-D13")
async def test_the_call_list() -> None:
    """TC-40 among them."""
    campaign = await a_campaign()
    client_id = await campaign.add("Николай", "444", "8 905 123 45 67")
    for numbers in (("+7 905 123-45-67",), ("555", "555"), ("12",), (), tuple(str(600 + one) for one in range(6))):
        with pytest.raises(InvalidFields):
            await campaign.add("Роман", *numbers)
    await campaign.take(campaign.anna)
    wanted = clients.typed_client("Николай II", ["444"], "царь")
    for act in (lambda tx: clients.change(tx, campaign.id, client_id, wanted),
                lambda tx: clients.remove(tx, campaign.id, client_id),
                lambda tx: clients.restart(tx, campaign.id, client_id)):
        with pytest.raises(Refused, match="anna"):
            await campaign.do(act)
    await campaign.called(campaign.anna, "connected", 20)
    await campaign.do(work.give_status, campaign.anna, "success", None)
    async with domain_transaction(campaign.actor) as tx:
        assert await queries.totals(tx, campaign.id) == (1, 1)
        await clients.change(tx, campaign.id, client_id, wanted)
        await clients.restart(tx, campaign.id, client_id)
        assert await queries.totals(tx, campaign.id) == (1, 0)
    assert (await campaign.client(client_id)).attempts == 0
    assert await campaign.take(campaign.anna) == "Николай II"  # offered again
    await campaign.do(work.leave, campaign.anna)
    with pytest.raises(Refused):
        await campaign.do(clients.clear, campaign.id)
    await campaign.do(service.switch, campaign.id, False)
    assert await campaign.do(clients.clear, campaign.id) == 1


async def test_good_rows_of_a_file_are_created_on_confirmation() -> None:
    campaign = await a_campaign()
    await campaign.add("Анна", "777")
    rows = [("Николай", "444", "555", "", "", "", "Инфа"), ("", "1", "", "", "", "", ""),
            ("Пётр", "777", "", "", "", "", "")]
    async with domain_transaction(campaign.actor) as tx:
        import_id, judged = await clients.preview(tx, campaign.id, rows)
        assert [bool(row.errors) for row in judged] == [False, True, True]
        assert await clients.create_ready(tx, campaign.id, import_id) == 1
        with pytest.raises(NotFound):
            await clients.create_ready(tx, campaign.id, import_id)
    found = (await campaign.clients(like="%инфа%"))[0]
    assert (found.name, found.numbers) == ("Николай", ("444", "555"))


async def test_another_domain() -> None:
    campaign, stranger = await a_campaign(), await a_campaign()
    client_id = await campaign.add("Николай", "444")
    for act in (lambda tx: queries.campaign(tx, campaign.id), lambda tx: clients.remove(tx, stranger.id, client_id),
                lambda tx: service.switch(tx, campaign.id, False),
                lambda tx: work.take_next(tx, stranger.anna, campaign.id)):
        with pytest.raises(NotFound):
            await stranger.do(act)
    with pytest.raises(InvalidFields):  # somebody else's group
        await stranger.do(service.create, settings(await _group_of(campaign)))


async def _group_of(campaign: Working) -> int | None:
    async with domain_transaction(campaign.actor) as tx:
        return (await queries.campaign(tx, campaign.id)).group_id
