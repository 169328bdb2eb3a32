"""Pools with domains, groups and people, made through the services where they have one."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from decimal import Decimal

from asyncpg import Record

from app.kernel.actors import Actor, ActorKind
from app.kernel.db import platform_transaction, pool_transaction
from tenants.pools import service, subgroups
from tenants.pools.rules import SUPERVISOR, NewAdministrator, PoolSettings
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.http.browser import PASSWORD

_count = itertools.count(1)


@dataclass(frozen=True)
class Member:
    id: int
    login: str


@dataclass
class Pool:
    """`people`: "chief" is the first supervisor. `domains` by route number, `groups` by name."""

    id: int
    name: str
    tariff_id: int
    people: dict[str, Member] = field(default_factory=dict)
    domains: dict[str | None, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)

    def actor(self, who: str = "chief") -> Actor:
        member = self.people[who]
        return Actor(ActorKind.POOL_ADMIN, member.id, member.login, member.login, pool_id=self.id, ip="10.1.2.3")

    async def group(self, name: str) -> int:
        async with pool_transaction(self.actor()) as tx:
            self.groups[name] = await subgroups.create(tx, name)
        return self.groups[name]

    async def domain(self, route: str | None = None, group: int | None = None, *, display_name: str = "",
                     account: str = "", balance: str = "", users: int = 0, numbers: int = 0, toll_free: int = 0,
                     email: str = "") -> int:
        """A domain of the pool; what is counted in it is made without the services."""
        domain_id = (await a_domain(tariff_id=self.tariff_id)).domain_id
        async with platform_transaction(STAFF) as tx:
            await service.add_domain(tx, self.id, domain_id, "")
            await tx.execute("UPDATE domain SET route_number = $2, subgroup_id = $3, notification_email = $4, "
                             "display_name = coalesce(nullif($5, ''), display_name) WHERE id = $1", domain_id, route,
                             group, email, display_name)
            await tx.execute("UPDATE account SET number = coalesce(nullif($2, ''), number) WHERE domain_id = $1",
                             domain_id, account)
            if balance:
                await tx.execute("UPDATE account SET balance = $2 WHERE domain_id = $1", domain_id, Decimal(balance))
            await tx.execute("DELETE FROM phone_number WHERE domain_id = $1", domain_id)
            for category, how_many in (("city", numbers), ("toll_free", toll_free)):
                await tx.execute(
                    "INSERT INTO phone_number (e164, category, domain_id) SELECT $1 || lpad(n::text, 2, '0'), $2, $3 "
                    "FROM generate_series(1, $4::int) n",
                    f"7{'495' if category == 'city' else '800'}{domain_id:06}", category, domain_id, how_many)
            await tx.execute(
                "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, sip_ha1) "
                "SELECT $1, 'user' || n, 'User ' || n, (200 + n)::text, '-', md5(n::text) "
                "FROM generate_series(1, $2::int) n", domain_id, users)
        self.domains[route] = domain_id
        return domain_id

    async def many_domains(self, how_many: int, group: int | None, *, first_route: int) -> None:
        """Rows only: for lists."""
        async with platform_transaction(STAFF) as tx:
            rows = await tx.fetch(
                "WITH made AS (INSERT INTO domain (name, display_name, company_name, mode, pbx_node_id, pool_id, "
                "subgroup_id, route_number) SELECT 'p' || $1::bigint::text || 'n' || n || '.pbx.example', 'Branch ' || n, 'Branch', "
                "'commercial', (SELECT id FROM pbx_node LIMIT 1), $1::bigint, $2::bigint, n::text "
                "FROM generate_series($3::int, $3::int + $4::int - 1) n RETURNING id, route_number), "
                "money AS (INSERT INTO account (domain_id, number, tariff_id) SELECT id, 50000000 + id, $5 FROM made) "
                "SELECT id, route_number FROM made", self.id, group, first_route, how_many, self.tariff_id)
            await tx.execute("INSERT INTO provisioning_state (domain_id) SELECT unnest($1::bigint[])",
                             [row["id"] for row in rows])
        self.domains |= {row["route_number"]: row["id"] for row in rows}

    async def administrator(self, who: str, groups: list[int] | None = None, *, role: str = "") -> Member:
        """Somebody more; a subgroup administrator unless told otherwise."""
        from tenants.pools import administrators

        new = NewAdministrator(f"padm{os.getpid()}-{next(_count)}", "", f"{who}@pool.example", PASSWORD,
                               role=role or "subgroup_admin", subgroup_ids=tuple(groups or ()))
        async with pool_transaction(self.actor()) as tx:
            number = await administrators.create_by_supervisor(
                tx, NewAdministrator(new.login, new.login, new.email, new.password, role=new.role,
                                     subgroup_ids=new.subgroup_ids))
        self.people[who] = Member(number, new.login)
        return self.people[who]

    async def row(self, domain_id: int) -> Record:
        async with platform_transaction(STAFF) as tx:
            found = await tx.fetchrow("SELECT * FROM domain WHERE id = $1", domain_id)
        assert found is not None
        return found

    async def desired(self, domain_id: int) -> int:
        async with platform_transaction(STAFF) as tx:
            return await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", domain_id)

    async def history(self) -> list[Record]:
        """The pool's lines, oldest first."""
        async with pool_transaction(self.actor()) as tx:
            return await tx.fetch("SELECT * FROM action_history WHERE pool_id = $1 ORDER BY id", self.id)


async def a_pool(*, route_number_length: int = 4, dial_expression: str = "{route}{ext}") -> Pool:
    """A pool with one supervisor, "chief", whose password is `PASSWORD`."""
    login = f"chief{os.getpid()}-{next(_count)}"
    name = f"Pool {login}"
    async with platform_transaction(STAFF) as tx:
        pool_id = await service.create_pool(
            tx, PoolSettings(name, route_number_length, dial_expression),
            NewAdministrator(login, login, f"{login}@pool.example", PASSWORD, role=SUPERVISOR))
        admin_id = await tx.fetchval("SELECT id FROM pool_admin WHERE pool_id = $1", pool_id)
    return Pool(pool_id, name, await a_tariff(), {"chief": Member(admin_id, login)})
