"""The letter about the balance, and what settings do to people and rules."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from app.kernel import outbox
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts import service as accounts
from tenants.settings import jobs, service
from tenants.users import service as users
from tenants.users.rules import NewUser
from tests.db.factories import STAFF, a_domain
from tests.http.test_settings import FIELDS

pytestmark = pytest.mark.anyio
assert jobs.tell_low_balance in outbox._handlers["balance_fell"]


async def save(actor: Actor, **changes: str) -> None:
    async with domain_transaction(actor) as tx:
        await service.save(tx, FIELDS | changes)


async def to_balance(actor: Actor, wanted: str) -> None:
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        balance = await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", actor.domain_id)
        await accounts.correct(bound, key=uuid4().hex, amount=Money(Decimal(wanted) - balance), reason="test")
        events = await tx.fetch("SELECT id, payload FROM outbox_event WHERE domain_id = $1 AND kind = 'balance_fell' "
                                "AND done_at IS NULL ORDER BY id", actor.domain_id)
        for event in events:  # what the worker does
            await jobs.tell_low_balance(tx, actor.domain_id, event["payload"])
            await tx.execute("UPDATE outbox_event SET done_at = now() WHERE id = $1", event["id"])


async def letters(actor: Actor) -> list[tuple[str, str]]:
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT recipient, subject FROM mail_message WHERE domain_id = $1 "
                              "AND recipient = 'boss@acme.example' AND subject LIKE '%the balance is%' ORDER BY id", actor.domain_id)
        return [tuple(row) for row in rows]


@pytest.mark.req("SET-05")
async def test_t29_one_letter_per_way_down(database: None) -> None:
    actor = await a_domain()
    await to_balance(actor, "1005")
    await save(actor, balance_notice_on="on", balance_notice_below="1000", notification_email="boss@acme.example",
               locale="en")
    counts = []
    for balance in ("990", "980", "1500", "1000", "999"):
        await to_balance(actor, balance)
        counts.append(len(await letters(actor)))
    assert counts == [1, 1, 1, 1, 2]
    assert "990" in (await letters(actor))[0][1]
    await to_balance(actor, "1500")
    await save(actor, notification_email="boss@acme.example")  # switched off, the amount stays
    await to_balance(actor, "10")
    assert len(await letters(actor)) == 2


@pytest.mark.req("SET-05")
async def test_a_threshold_below_zero(database: None) -> None:
    actor = await a_domain()
    await save(actor, balance_notice_on="on", balance_notice_below="-500", notification_email="boss@acme.example",
               locale="en")
    await to_balance(actor, "-499.99")
    assert await letters(actor) == []
    await to_balance(actor, "-500.01")
    assert len(await letters(actor)) == 1


async def test_a_new_users_main_rule_rings_as_long_as_the_domain_says(database: None) -> None:
    actor = await a_domain()
    await save(actor, ring_seconds="25")
    async with domain_transaction(actor) as tx:
        user_id = await users.create_user(tx, NewUser("anna", "Anna", "correct1horse"))
        assert await tx.fetchval("SELECT ring_seconds FROM forwarding_rule WHERE domain_id = $1 AND user_id = $2",
                                 tx.domain_id, user_id) == 25
