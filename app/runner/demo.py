"""Demo data: three companies, one pool, some forty people, numbers, a tariff, a week of calls.

Written once, through the same services as everything else, so that fees, ledger and history are real. The
week's calls pass through intake and are rated like any call.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets as random_secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from app.auth.passwords import hash_password
from app.features import load_services
from app.kernel import clock
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DB, DomainTx, PlatformTx, domain_transaction, platform_transaction
from app.kernel.money import Money
from app.runner.demo_money import back_office
from app.runner.demo_names import COMPANIES, SERVICES, Company, rates
from app.runner.telephony import PSTN_ADDRESS, PSTN_PORT, Telephony
from app.settings import Settings

ENGINEER = Actor(ActorKind.STAFF, 1, "engineer", "Demo engineer")
CALLS_PER_USER_AND_DAY = 4


def demo_password(folder: Path) -> str:
    """One password for all demo sign-ins, made for this installation."""
    path = folder / "demo.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps({"password": "Demo" + random_secrets.token_hex(4)}))
    return json.loads(path.read_text())["password"]


async def ensure(settings: Settings, phone_system: Telephony) -> None:
    """Node and trunk always point to where they are now; the rest is made once, in an empty database."""
    load_services()
    await DB.open(size=4)
    try:
        async with platform_transaction(ENGINEER) as tx:
            node_id = await _node_and_trunk(tx, settings, phone_system)
            if await tx.fetchval("SELECT EXISTS (SELECT FROM domain)"):
                return
            print("  demo data …", flush=True)
            await _staff(tx, demo_password(settings.state_dir))
            tariff_id = await make_tariff(tx)
            pool_id = await _pool(tx, demo_password(settings.state_dir))
        for company in COMPANIES:
            await make_company(company, settings, node_id, tariff_id, pool_id)
        async with platform_transaction(ENGINEER) as tx:
            await _stock(tx)
        await _week_of_calls(node_id)
        await back_office()
    finally:
        await DB.close()


async def _node_and_trunk(tx: PlatformTx, settings: Settings, phone_system: Telephony) -> int:
    host, _, port = phone_system.sip_address.partition(":")
    node_id = await tx.fetchval(
        "INSERT INTO pbx_node (name, sip_host, sip_port, state) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (name) DO UPDATE SET sip_host = EXCLUDED.sip_host, sip_port = EXCLUDED.sip_port, "
        "state = EXCLUDED.state RETURNING id",
        settings.node_name, host or "127.0.0.1", int(port or 5060),
        "unknown" if phone_system.environment else "no_asterisk")
    if phone_system.node is not None:
        await tx.execute(
            "INSERT INTO trunk (node_id, name, host, port) VALUES ($1, 'Simulated public network', $2, $3) "
            "ON CONFLICT (name) DO UPDATE SET host = EXCLUDED.host, port = EXCLUDED.port",
            node_id, PSTN_ADDRESS, PSTN_PORT)
    return node_id


async def _staff(tx: PlatformTx, password: str) -> None:
    hashed = await asyncio.to_thread(hash_password, password)
    for login, name, role in (("engineer", "Ольга Инженер", "administrator"),
                              ("billing", "Павел Расчётов", "billing"), ("support", "Анна Поддержкина", "support")):
        await tx.execute("INSERT INTO staff (login, display_name, email, password_hash, role) "
                         "VALUES ($1, $2, $1 || '@provider.example', $3, $4)", login, name, hashed, role)


async def make_tariff(tx: PlatformTx) -> int:
    """Its id; published, in force for two months."""
    tariff_id = await tx.fetchval("INSERT INTO tariff (name) VALUES ('Бизнес') RETURNING id")
    version_id = await tx.fetchval("INSERT INTO tariff_version (tariff_id, number, created_by) "
                                   "VALUES ($1, 1, 'engineer') RETURNING id", tariff_id)
    await tx.executemany(
        "INSERT INTO plan_service (version_id, service, level, monthly, connection, included) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [(version_id, service, level, Decimal(monthly), Decimal(connection), included)
         for service, level, monthly, connection, included in SERVICES])
    await tx.executemany(
        "INSERT INTO tariff_rate (version_id, prefix, destination, price, first_increment, next_increment) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [(version_id, prefix, name, Decimal(price), first, after) for prefix, name, price, first, after in rates()])
    await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = $2 WHERE id = $1",
                     version_id, tx.now - timedelta(days=60))
    return tariff_id


async def _pool(tx: PlatformTx, password: str) -> int:
    pool_id = await tx.fetchval("INSERT INTO pool (name) VALUES ('Ромашка') RETURNING id")
    await tx.execute(
        "INSERT INTO pool_admin (pool_id, login, display_name, email, password_hash, role) "
        "VALUES ($1, 'supervisor', 'Мария Смотрова', 'supervisor@romashka.example', $2, 'supervisor')",
        pool_id, await asyncio.to_thread(hash_password, password))
    return pool_id


async def _stock(tx: PlatformTx) -> None:
    """Numbers that companies can buy, in all categories."""
    grades = ("none", "bronze", "silver", "gold", "platinum", "m")
    prices = (Decimal(0), Decimal(500), Decimal(1500), Decimal(5000), Decimal(15_000), Decimal(30_000))
    await tx.executemany(
        "INSERT INTO phone_number (e164, region, category, grade, connection_price) VALUES ($1, $2, $3, $4, $5)",
        [(f"{start}{tail:04}", region, category, grades[place % 6], prices[place % 6])
         for start, region, category in (("7495660", "Москва", "city"), ("7800200", "", "toll_free"))
         for place, tail in enumerate(range(1881, 1907))])


async def make_company(company: Company, settings: Settings, node_id: int, tariff_id: int, pool_id: int) -> int:
    """Its domain, a week old."""
    from app.runner.demo_sections import fill as fill_sections
    from billing.accounts.service import record_payment
    from tenants.domains import service as domains
    from tenants.domains.rules import NewDomain

    start = clock.now() - timedelta(days=8)
    with clock.at(start):
        async with platform_transaction(ENGINEER) as tx:
            for number in company.numbers:
                await tx.execute("INSERT INTO phone_number (e164, region, category) VALUES ($1, $2, $3)", number,
                                 "Москва", "toll_free" if number.startswith("7800") else "city")
            bound = await domains.create_domain(tx, NewDomain(
                name=company.domain, company_name=company.name, tariff_id=tariff_id, node_id=node_id,
                scheme=company.scheme, notification_email=f"office@{company.domain}",
                pool_id=pool_id if company.route else None, route_number=company.route))
            await tx.execute("UPDATE phone_number SET domain_id = $1, assigned_at = $2 WHERE e164 = ANY($3)",
                             bound.domain_id, tx.now, list(company.numbers))
            if company.commercial:
                await record_payment(bound, external_id=f"demo-{company.domain}", amount=Money(Decimal(company.paid)),
                                     source="Банк", description="Оплата по счёту")
                await domains.switch_to_commercial(bound, tariff_id=tariff_id, scheme=company.scheme)
        actor = Actor(ActorKind.STAFF, 1, "engineer", "Demo engineer", bound.domain_id)
        async with domain_transaction(actor) as tx:
            await _people(tx, company, demo_password(settings.state_dir))
            await _services(tx, company)
        if company is COMPANIES[0]:
            await fill_sections(ENGINEER, bound.domain_id)
    async with domain_transaction(actor) as tx:  # asked for now, although the people are a week old
        await tx.execute("UPDATE provisioning_state SET changed_at = $2 WHERE domain_id = $1", tx.domain_id, tx.now)
    return bound.domain_id


async def _people(tx: DomainTx, company: Company, password: str) -> None:
    from tenants.destinations.model import Destination, Kind
    from tenants.routing.service import route_to
    from tenants.users.rules import NewUser
    from tenants.users.service import create_user

    first_user = None
    for login, name, position in company.people:
        user_id = await create_user(tx, NewUser(
            login=login, display_name=name, password=password, position=position,
            email=f"{login}@{company.domain}", is_admin=first_user is None))
        first_user = first_user or user_id
    number_id = await tx.fetchval("SELECT id FROM phone_number WHERE domain_id = $1 AND e164 = $2", tx.domain_id,
                                  company.numbers[0])
    await route_to(tx, number_id, Destination(Kind.USER, first_user))


async def _services(tx: DomainTx, company: Company) -> None:
    """The contact centre comes with its first operator."""
    from app.modules.recording.service import switch as switch_recording
    from billing.services import service as services
    from tenants.users.operators import set_operator

    for code in company.services:
        await services.connect(tx, code)
    for login in company.operators:
        user_id = await tx.fetchval("SELECT id FROM domain_user WHERE domain_id = $1 AND login = $2", tx.domain_id,
                                    login)
        await set_operator(tx, user_id, True)
    if company.recorded:
        ids = await tx.fetch("SELECT id FROM domain_user WHERE domain_id = $1 AND login = ANY($2::text[])",
                             tx.domain_id, list(company.recorded))
        await switch_recording(tx, [row["id"] for row in ids], True)


@dataclass(frozen=True, slots=True)
class _Person:
    domain_id: int
    user_id: int
    extension: str
    number: str
    number_owner: bool


async def _week_of_calls(node_id: int) -> None:
    """Working hours of the last seven days; the same calls in every fresh installation."""
    from pbx_provisioning.intake.records import CdrRecord
    from pbx_provisioning.intake.service import take_in

    async with platform_transaction(ENGINEER) as tx:
        rows = await tx.fetch(
            "SELECT u.domain_id, u.id, u.extension, n.e164, EXISTS (SELECT FROM routing_rule r "
            "WHERE r.number_id = n.id AND r.target_id = u.id AND (r.target_kind = 'user' "
            "OR r.target_kind = 'voicemail' AND r.target_owner = 'user')) AS owner "
            "FROM domain_user u JOIN domain d ON d.id = u.domain_id "
            "JOIN phone_number n ON n.id = d.default_number_id ORDER BY u.domain_id, u.id")
        trunk = await tx.fetchval("SELECT id FROM trunk ORDER BY id LIMIT 1")
    people = [_Person(*row) for row in rows]
    dice = random.Random(2026)
    records: list[CdrRecord] = []
    for day in range(7, 0, -1):
        midnight = (clock.now() - timedelta(days=day)).replace(hour=0, minute=0, second=0, microsecond=0)
        for person in people:
            for _ in range(dice.randint(1, CALLS_PER_USER_AND_DAY)):
                at = midnight + timedelta(seconds=dice.randint(6 * 3600, 15 * 3600))
                records.append(_call(dice, person, people, at, len(records), f"t{trunk}"))
    records.sort(key=lambda record: record.started_at)
    for start in range(0, len(records), 500):
        await take_in(node_id, records[start:start + 500])
    async with platform_transaction(ENGINEER) as tx:  # charged just now, but not the calls of today
        await tx.execute("UPDATE guard_day SET spent = 0")


def _call(dice: random.Random, person: _Person, people: list[_Person], at: datetime, count: int, trunk: str):
    """One call of the person: to a colleague, to the outside, or from the outside to the main number."""
    from pbx_provisioning.intake.records import CdrRecord

    outside = f"7{dice.choice(('495', '499', '916', '926', '812'))}{dice.randint(1000000, 9999999)}"
    colleague = dice.choice([one for one in people if one.domain_id == person.domain_id])
    direction = "in" if person.number_owner and dice.random() < 0.5 else dice.choice(("internal", "out", "out"))
    a_number, b_number = {"in": (outside, person.number), "out": (person.number, outside),
                          "internal": (person.extension, colleague.extension)}[direction]
    disposition = dice.choices(("ANSWERED", "NO ANSWER", "BUSY"), (80, 14, 6))[0]
    ring, talk = dice.randint(2, 20), dice.choice((dice.randint(5, 90), dice.randint(60, 900)))
    answered = at + timedelta(seconds=ring) if disposition == "ANSWERED" else None
    ended = (answered or at) + timedelta(seconds=talk if answered else ring + 8)
    billable = direction == "out"
    return CdrRecord(
        uniqueid=f"demo-{count}", linkedid=f"demo-{count}", sequence=count,
        account_code=f"{person.domain_id}.{person.user_id}", channel="", dst_channel="", started_at=at,
        answered_at=answered, ended_at=ended, duration_seconds=Decimal(int((ended - at).total_seconds())),
        billsec=Decimal(talk if answered else 0), disposition=disposition, src=a_number, dst=b_number, last_app="Dial",
        domain_id=person.domain_id, user_id=person.user_id, direction=direction, a_number=a_number, b_number=b_number,
        trunk="" if direction == "internal" else trunk, hold="", reason="",
        number=person.number if direction != "internal" else "", is_billable=billable,
        cause={"ANSWERED": 16, "NO ANSWER": 19, "BUSY": 17}[disposition])


def welcome(settings: Settings, phone_system: Telephony) -> str:
    """Addresses and sign-ins, for the terminal."""
    url, password = settings.public_url, demo_password(settings.state_dir)
    company = COMPANIES[0]
    admin = company.people[0][0]
    lines = [
        "", "Switchroom is up. Ctrl-C stops it; the data is kept.", "",
        f"  Domain panel      {url}/          domain {company.domain}, login {admin}, password {password}",
        f"  Pool console      {url}/group     login supervisor, password {password}",
        f"  Provider console  {url}/provider  login engineer, password {password}", ""]
    if phone_system.environment:
        lines += [
            f"  Phones register at {phone_system.sip_address} (UDP or TCP) as {admin}@{company.domain}, same password.",
            "  Call 106 for a colleague, 84950000015 for a paid call that ends after five seconds,",
            "  84950000000 for an echo; pbx_provisioning/simulate_pstn/README.md lists the rest.", ""]
    else:
        lines += [f"  Telephony is off: {phone_system.missing}", ""]
    return "\n".join(lines)
