"""Companies as large as a list needs, written quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from app.auth.passwords import sip_ha1
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from pbx_provisioning.intake.service import take_in
from tests.db import billing_factories as billing
from tests.db.factories import STAFF, a_domain, a_node, a_tariff, domain_name
from tests.http.people import Someone, a_user

SURNAMES = ("Алексеев", "Борисова", "Васильев", "Григорьева", "Дмитриев", "Егорова", "Жуков", "Зайцева",
            "Лебедев-Константинопольский", "Колокольникова")
FIRST = ("Анна Владимировна", "Пётр", "Мария", "Константин-Александр Вячеславович", "Олег")


@dataclass(frozen=True)
class World:
    """A company, its administrator and how many colleagues there are."""

    admin: Someone
    people: int
    node_id: int

    @property
    def actor(self) -> Actor:
        return self.admin.actor

    @property
    def company(self) -> billing.Company:
        return billing.Company(self.actor, self.node_id, self.admin.id)


async def a_world(people: int = 12, balance: str = "1000", calls: int = 0, **changes: object) -> World:
    """Numbers, money, people with long names, and calls of the last days."""
    tariff = await a_tariff(("7", "1.50"), user_monthly=90, user_connection=100)
    actor = await a_domain(tariff_id=tariff, **changes)
    node_id = await a_node()
    await billing.a_trunk(node_id)
    await billing.a_number(actor)
    await billing.a_number(actor, category="toll_free", is_default=False)
    admin = await a_user(actor, "ivanov", is_admin=True)
    await _colleagues(actor, people - 1)
    if balance != "0":
        await billing.pay(actor, balance)
    world = World(admin, people, node_id)
    if calls:
        await some_calls(world, calls)
    return world


async def some_calls(world: World, count: int) -> None:
    """Of the last days: answered, not answered, and refused."""
    await take_in(world.node_id, [_call(world, number) for number in range(count)])


async def _colleagues(actor: Actor, count: int) -> None:
    domain = await domain_name(actor)
    async with domain_transaction(actor) as tx:
        await tx.executemany(
            "INSERT INTO domain_user (domain_id, login, display_name, position, extension, email, password_hash, "
            "sip_ha1) VALUES ($1, $2, $3, $4, $5, $6, '-', $7)",
            [(tx.domain_id, f"user{n}", f"{SURNAMES[n % 10]} {FIRST[n % 5]}", ("Менеджер по закупкам", "")[n % 2],
              str(200 + n), f"user{n}@{domain}", sip_ha1(f"user{n}", domain, "x")) for n in range(count)])


def _call(world: World, number: int):
    record = billing.a_record(world.company, talked=(65, 0, 312)[number % 3],
                              ended=clock.now() - timedelta(hours=7 * number + 1))
    reason = "funds" if number % 5 == 4 and not record.answered_at else ""
    return replace(record, reason=reason)


async def a_call(world: World, talked: int = 65) -> None:
    """A call that ended just now, as the agent would deliver it."""
    await take_in(world.node_id, [billing.a_record(world.company, talked=talked)])


async def acknowledge(actor: Actor) -> None:
    """What the agent writes when the PBX has everything that was wanted."""
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        await bound.execute("UPDATE provisioning_state SET applied = desired, live_at = now(), error = '' "
                            "WHERE domain_id = $1", bound.domain_id)


async def agent_is_heard(node_id: int) -> None:
    """Without a sign of life the panel says that the PBX cannot be reached."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE pbx_node SET agent_seen_at = now(), state = 'up' WHERE id = $1", node_id)
