"""The credit limit that a domain sets itself, and the warning near it."""

from __future__ import annotations

from typing import Any

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import AppError, InvalidFields, Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from billing.payments import credit, jobs
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def a_company(scheme: str, **changes: Any) -> Actor:
    actor = await a_domain(**changes)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET scheme = $2 WHERE domain_id = $1", actor.domain_id, scheme)
    return actor


async def limit(actor: Actor, amount: str, *, confirmed: bool = False) -> bool:
    async with domain_transaction(actor) as tx:
        return await credit.set_limit(tx, Money.parse(amount), confirmed=confirmed)


async def terms(actor: Actor) -> tuple[str, object]:
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT scheme, credit_limit::text FROM account WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    return tuple(row)


async def told(actor: Actor) -> list[str]:
    async with domain_transaction(actor) as tx:
        return [row["action"] for row in await tx.fetch(
            "SELECT action FROM action_history WHERE domain_id = $1 AND action IN ('scheme_changed', "
            "'credit_limit_changed') ORDER BY id", tx.domain_id)]


@pytest.mark.req("FIN-35", "FIN-36", "FIN-42")
@pytest.mark.parametrize(("amount", "accepted"), [
    ("999", False), ("1000", True), ("500000", True), ("500001", False), ("1000.001", False), ("-1000", False)])
async def test_the_bounds_are_inclusive(amount: str, accepted: bool) -> None:
    """T24."""
    actor = await a_company("credit")
    if accepted:
        await limit(actor, amount)
        assert await terms(actor) == ("credit", f"{amount}.00")
        assert await told(actor) == ["credit_limit_changed"]
    else:
        with pytest.raises(InvalidFields):
            await limit(actor, amount)
        assert await terms(actor) == ("credit", None)
        assert await told(actor) == []


@pytest.mark.req("FIN-34")
async def test_a_prepaid_domain_is_warned_and_nothing_is_saved() -> None:
    """T25."""
    actor = await a_company("prepaid")
    with pytest.raises(Refused):
        await limit(actor, "1000")
    assert await terms(actor) == ("prepaid", None)


@pytest.mark.req("FIN-41", "FIN-42")
async def test_an_unlimited_domain_becomes_a_credit_one_when_it_agrees() -> None:
    """T26."""
    actor = await a_company("unlimited")
    with pytest.raises(credit.NeedsConfirmation):
        await limit(actor, "1000")
    assert await terms(actor) == ("unlimited", None)
    assert await limit(actor, "1000", confirmed=True)
    assert await terms(actor) == ("credit", "1000.00")
    assert await told(actor) == ["scheme_changed", "credit_limit_changed"]


@pytest.mark.req("FIN-40")
async def test_in_the_block_it_cannot_be_set() -> None:
    """T27."""
    actor = await a_company("credit")
    async with domain_transaction(actor) as tx:
        await accounts.start_block(tx, "financial", "balance")
    with pytest.raises(AppError):
        await limit(actor, "5000")
    assert await terms(actor) == ("credit", None)


async def test_the_providers_maximum_for_this_domain_counts() -> None:
    actor = await a_company("credit")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET credit_max = 2000 WHERE domain_id = $1", actor.domain_id)
    with pytest.raises(InvalidFields):
        await limit(actor, "2000.01")
    await limit(actor, "2000")


async def charge(actor: Actor, amount: str) -> None:
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        await accounts.post(bound, Posting(world.channel(), Operation.ONE_OFF, "test", 1, -Money.parse(amount), tx.now))
        await accounts.after_debit(bound)


async def warnings(actor: Actor) -> int:
    """Events of the warning, each handled as the worker does it; the number of letters."""
    async with platform_transaction(STAFF) as tx:
        for event in await tx.fetch("UPDATE outbox_event SET done_at = now() WHERE domain_id = $1 "
                                    "AND kind = 'credit_near' AND done_at IS NULL RETURNING payload", actor.domain_id):
            await jobs.warn_near_limit(tx, actor.domain_id, event["payload"])
        return await tx.fetchval("SELECT count(*) FROM mail_message WHERE domain_id = $1 AND body LIKE '%1%000%'",
                                 actor.domain_id)


async def is_blocked(actor: Actor) -> bool:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT EXISTS (SELECT FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL)",
                                 tx.domain_id)


@pytest.mark.req("FIN-38", "FIN-39")
async def test_near_the_limit_there_is_one_letter_and_at_it_the_block() -> None:
    """T28; the letter comes again only after the balance was above the threshold."""
    actor = await a_company("credit", notification_email="boss@acme.example")
    await limit(actor, "1000")
    await charge(actor, "899.99")
    assert await warnings(actor) == 0
    await charge(actor, "0.01")
    assert await warnings(actor) == 1
    await charge(actor, "50")
    assert await warnings(actor) == 1
    await world.pay(actor, "100")
    await charge(actor, "100")
    assert await warnings(actor) == 2
    assert not await is_blocked(actor)
    await charge(actor, "50")
    assert await is_blocked(actor)
