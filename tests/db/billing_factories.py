"""Money, trunks, users and call records for the tests of billing."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.subscriptions import run
from pbx_provisioning.authorise.question import Answer, Question
from pbx_provisioning.authorise.service import authorise
from pbx_provisioning.intake.records import CdrRecord
from tests.db.factories import STAFF, a_domain, a_node, a_tariff, a_version

__all__ = ["a_tariff", "a_version"]  # tariffs are made there, because every domain needs one

_count = itertools.count(1)
_DIGITS = itertools.count(74950000000 + int(time.time() * 10) % 9_000_000)
MOSCOW = "84951234567"
E164 = "74951234567"


def channel() -> str:
    """A unique id as Asterisk makes them."""
    return f"{int(time.time())}.{next(_count)}"


async def a_trunk(node_id: int) -> int:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval(
            "INSERT INTO trunk (node_id, name, host) VALUES ($1, $2, '127.0.0.3') ON CONFLICT (name) "
            "DO UPDATE SET host = EXCLUDED.host RETURNING id", node_id, f"carrier {node_id}")


async def a_number(actor: Actor, *, category: str = "city", is_default: bool = True) -> int:
    async with platform_transaction(STAFF) as tx:
        number_id = await tx.fetchval(
            "INSERT INTO phone_number (e164, category, domain_id, assigned_at) VALUES ($1, $2, $3, now()) RETURNING id",
            str(next(_DIGITS)), category, actor.domain_id)
        if is_default:
            await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1", actor.domain_id, number_id)
        return number_id


async def a_user(actor: Actor, login: str = "ivanov", extension: str = "101", **changes: object) -> int:
    async with domain_transaction(actor) as tx:
        user_id = await tx.fetchval(
            "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, sip_ha1) "
            "VALUES ($1, $2, $2, $3, '-', $4) RETURNING id", tx.domain_id, login, extension, "0" * 32)
        for column, value in changes.items():
            await tx.execute(f"UPDATE domain_user SET {column} = $2 WHERE id = $1", user_id, value)
        return user_id


async def pay(actor: Actor, amount: str) -> bool:
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        return await accounts.record_payment(bound, external_id=f"test {channel()}", amount=Money.parse(amount),
                                             source="Bank", description="by invoice")


async def balance(actor: Actor) -> Decimal:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id)


async def blocks(actor: Actor) -> list[str]:
    """Kinds of the open ones."""
    async with domain_transaction(actor) as tx:
        return [row["kind"] for row in await tx.fetch(
            "SELECT kind FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL ORDER BY kind", tx.domain_id)]


async def run_at(moment: datetime) -> int:
    """The daily run as of that moment."""
    with clock.at(moment):
        return await run.run_until_today()


class Company:
    """A domain that can make outside calls."""

    def __init__(self, actor: Actor, node_id: int, user_id: int) -> None:
        self.actor, self.node_id, self.user_id = actor, node_id, user_id

    @property
    def id(self) -> int:
        return self.actor.domain_id

    async def authorise(self, digits: str = MOSCOW, *, uniqueid: str = "", user_id: int = 0,
                        node: str = "pbx1") -> Answer:
        return await authorise(Question(node, self.id, user_id or self.user_id, digits, uniqueid or channel()))

    async def fetchrow(self, sql: str, *args: object):
        async with domain_transaction(self.actor) as tx:
            return await tx.fetchrow(sql, *args)

    async def account(self):
        return await self.fetchrow("SELECT balance, held FROM account WHERE domain_id = $1", self.id)

    async def balance(self) -> Decimal:
        return (await self.account())["balance"]


async def a_company(balance: str = "0", **changes: object) -> Company:
    actor = await a_domain(**changes)
    node_id = await a_node()
    await a_trunk(node_id)
    await a_number(actor)
    user_id = await a_user(actor)
    if Decimal(balance) > 0:
        await pay(actor, balance)
    return Company(actor, node_id, user_id)


def a_record(company: Company, *, talked: float = 65, uniqueid: str = "", hold: int | str = "",
             ended: datetime | None = None, **changes: object) -> CdrRecord:
    """An outgoing call of the company that just ended; answered unless `talked` is 0."""
    end = ended or datetime.now(UTC)
    answered = end - timedelta(seconds=talked) if talked else None
    uniqueid = uniqueid or channel()
    record = CdrRecord(
        uniqueid=uniqueid, linkedid=uniqueid, sequence=0, account_code=f"{company.id}.{company.user_id}",
        channel="PJSIP/a-1", dst_channel="PJSIP/t1-2", started_at=(answered or end) - timedelta(seconds=5),
        answered_at=answered, ended_at=end, duration_seconds=Decimal(70), billsec=Decimal(str(talked)),
        disposition="ANSWERED" if talked else "NO ANSWER", src="101", dst=E164, last_app="Dial",
        domain_id=company.id, user_id=company.user_id, direction="out", a_number="101", b_number=E164, trunk="t1",
        hold=str(hold), reason="", number="74950000001", is_billable=True, cause=None)
    return replace(record, **changes)
