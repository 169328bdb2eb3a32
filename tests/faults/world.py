"""The domains of a run in the database, and what the database says of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from bench.records import line_of
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from billing.payments import promised
from billing.payments.card import saved
from billing.rating.rules import RateRow
from billing.subscriptions.rules import mgp_key
from pbx_provisioning.intake.records import CdrRecord
from tests.db import billing_factories, card_world
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.faults import plan
from tests.faults.plan import PlannedCall
from tests.stripe_stub import StripeStub

DAYS_OFF = 4  # the daily run has so many days to catch up, none of them the 1st: buckets end there
ZONES = ("Europe/Moscow", "Asia/Tokyo", "America/Los_Angeles")  # in one of them midnight is far


@dataclass(frozen=True, slots=True)
class World:
    node_id: int
    domains: dict[str, int]
    users: dict[str, int]
    version_id: int
    zone: str  # of the platform's days
    billed_through: date
    table: Sequence[RateRow]


async def make(owner: asyncpg.Connection, table: Sequence[RateRow], stub: StripeStub) -> World:
    """Every domain has OPENING on its account before anything begins."""
    tariff_id = await a_tariff(*map(plan.columns, table), user_monthly=plan.MONTHLY)
    actors = {name: await a_domain(tariff_id=tariff_id) for name in plan.DOMAINS}
    users = {}
    for name, actor in actors.items():
        for n in range(plan.USERS):
            users[name] = await billing_factories.a_user(actor, f"user{n}", str(201 + n))
        await billing_factories.pay(actor, str(plan.OPENING))
    await _save_card(stub, actors["automatic"])
    async with domain_transaction(actors["promised"]) as tx:
        await promised.grant(tx, Money(plan.PROMISED))
    zone, through = _quiet_days(clock.now())
    since = clock.now() - timedelta(days=9)
    async with platform_transaction(STAFF) as tx:
        await accounts.charge_fees(tx, [(actors["guaranteed"].domain_id, Posting(
            mgp_key(day_of(since, zone)), Operation.MGP, "", 1, -Money(plan.GUARANTEED), tx.now))])
    node_id = await owner.fetchval("SELECT id FROM pbx_node")
    version_id = await owner.fetchval("SELECT tariff_version_at($1, now())", tariff_id)
    domains = {name: actor.domain_id for name, actor in actors.items()}
    await _age(owner, domains, zone, through, since)
    return World(node_id, domains, users, version_id, zone, through, table)


def _quiet_days(now: datetime) -> tuple[str, date]:
    """A zone in which the day does not end soon, and the day that is settled already."""
    zone = next(zone for zone in ZONES if 2 <= now.astimezone(ZoneInfo(zone)).hour < 22)
    today = day_of(now, zone)
    return zone, today - timedelta(days=min(DAYS_OFF, today.day - 1))


async def _age(owner: asyncpg.Connection, domains: dict[str, int], zone: str, through: date, since: datetime) -> None:
    """Everybody has been there for a while; buckets are long; the promised payment is over."""
    await owner.execute("INSERT INTO provider_parameter (key, value) VALUES ('billing.timezone', to_jsonb($1::text)) "
                        "ON CONFLICT (key) DO UPDATE SET value = excluded.value", zone)
    await owner.execute("UPDATE domain_user SET created_at = now() - interval '90 days'")
    await owner.execute("UPDATE account SET billed_through = $1", through)
    await owner.execute("UPDATE promised_payment SET granted_at = now() - interval '9 days', "
                        "expires_at = now() - interval '1 day'")
    await owner.execute("UPDATE account SET package_seconds_left = $2, package_from = $3::timestamptz, "
                        "package_until = $3 + interval '18 days' WHERE domain_id = $1", domains["package"],
                        plan.PACKAGE_SECONDS, since)
    await owner.execute("UPDATE account SET mgp_from = $2::timestamptz, mgp_until = $2 + interval '18 days' "
                        "WHERE domain_id = $1", domains["guaranteed"], since)


async def _save_card(stub: StripeStub, actor: Actor) -> None:
    """The automatic top-up comes as soon as calls have cost something."""
    await card_world.paid(stub, actor, "500", saves_card=True)
    async with domain_transaction(actor) as tx:
        await saved.set_automatic(tx, Money(plan.OPENING + 400), Money.parse("300"))


async def place_holds(owner: asyncpg.Connection, world: World, calls: Sequence[PlannedCall]) -> dict[str, int]:
    """uniqueid → hold of 5.00, as the authorisation would have placed it."""
    held = [call for call in calls if call.charged and call.domain in plan.WITH_HOLDS
            and any(call.number.startswith(row.prefix) for row in world.table)]
    rows = await owner.fetch(
        "INSERT INTO hold (domain_id, node_id, uniqueid, b_number, version_id, prefix, amount, seconds, created_at) "
        "SELECT o.domain_id, $2, o.uniqueid, o.number, $3, '', 5, 900, o.at FROM unnest($1::bigint[], $4::text[], "
        "$5::text[], $6::timestamptz[]) AS o (domain_id, uniqueid, number, at) RETURNING id, uniqueid",
        [world.domains[call.domain] for call in held], world.node_id, world.version_id,
        [call.uniqueid for call in held], [call.number for call in held],
        [call.answered_at - timedelta(seconds=5) for call in held])
    await owner.execute("INSERT INTO open_hold_key (domain_id, hold_id, node_id) SELECT domain_id, id, node_id FROM hold")
    await owner.execute("UPDATE account a SET held = (SELECT coalesce(sum(amount), 0) FROM hold h "
                        "WHERE h.domain_id = a.domain_id AND h.released_at IS NULL)")
    return {row["uniqueid"]: row["id"] for row in rows}


def spool_line(world: World, call: PlannedCall, hold: int | None) -> str:
    domain_id, user_id = world.domains[call.domain], world.users[call.domain]
    ended = call.answered_at + timedelta(milliseconds=call.talk_ms)
    record = CdrRecord(
        uniqueid=call.uniqueid, linkedid=call.uniqueid, sequence=0, account_code=f"{domain_id}.{user_id}",
        channel="PJSIP/a-1", dst_channel="PJSIP/t1-2", started_at=call.answered_at - timedelta(seconds=4),
        answered_at=call.answered_at, ended_at=ended, duration_seconds=Decimal(1), billsec=Decimal(1),
        disposition="ANSWERED", src="201", dst=call.number, last_app="Dial", domain_id=domain_id, user_id=user_id,
        direction="out", a_number="201", b_number=call.number, trunk="t1", hold=str(hold or ""), reason="",
        number="74950000001", is_billable=True, cause=None)
    return line_of(record if call.charged else replace(record, answered_at=None, disposition="NO ANSWER"))


async def pay_by_bank(domain_id: int, external_id: str, amount: str) -> None:
    """A notice of the bank, as often as it comes."""
    async with platform_transaction(STAFF) as tx:
        await accounts.record_payment(await tx.enter_domain(domain_id), external_id=external_id,
                                      amount=Money.parse(amount), source="Bank", description="notice")


async def is_quiet(owner: asyncpg.Connection, today: date) -> bool:
    """Every job has done its work."""
    return not await owner.fetchval(
        "SELECT EXISTS (SELECT FROM outbox_event WHERE done_at IS NULL) "
        "OR EXISTS (SELECT FROM account WHERE billed_through < $1) "
        "OR EXISTS (SELECT FROM promised_payment WHERE status = 'active') "
        "OR EXISTS (SELECT FROM card_payment c JOIN payment p ON p.id = c.payment_id WHERE c.way = 'auto' "
        "AND p.state = 'pending')", today)


def files_left(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def at_stripe(stub: StripeStub, domain_id: int) -> Decimal:
    """What the domain's card paid and was not given back, as Stripe knows it."""
    minor = sum(charge["amount"] - charge["amount_refunded"] for charge in list(stub.charges.values())
                if charge["metadata"].get("domain") == str(domain_id))
    return Decimal(minor) / 100


def day_of(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
