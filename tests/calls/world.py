"""A company with real users, numbers, money and phones, on a running stack; all of it made through the services."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from app.provider.trunks import service as trunks
from app.provider.trunks.rules import TrunkData
from billing.accounts import service as accounts
from billing.books.checks import Difference, check_books
from tenants.destinations.model import Destination, Kind
from tenants.numbers import inventory
from tenants.numbers.inventory_file import InventoryRow
from tenants.routing import service as routing
from tenants.routing.rules import Filter
from tenants.users import service as users
from tenants.users.rules import NewUser
from tests.calls.sipp import Call, FarEnd, Phone, Server
from tests.calls.sipp.driver import Answering
from tests.db.factories import STAFF, a_domain, a_tariff, domain_name
from tests.stack import FAR_END, Stack, free_udp_port

PASSWORD = "correct1horse"
PEOPLE = (("ivanov", "101"), ("petrov", "102"))
_own_numbers = itertools.count(30_000 + os.getpid() % 1000 * 60)
_outside = itertools.count(1_000_000 + os.getpid() % 1000 * 800)
_ports = itertools.count(24_000 + os.getpid() % 200 * 20)


def outside_number() -> str:
    """Ten digits of a Moscow number that no other test calls."""
    return f"495{next(_outside)}"


def a_port() -> int:
    """A port for a phone, free now; below those that the system gives out itself."""
    return free_udp_port("127.0.0.1", 24_000 + next(_ports) % 5_500)


class Handset(Phone):
    """A phone that calls from a port of its own, so that it can call while it is being called."""

    async def call(self, number: str, *, hold: float | None = None, ring: float = 60.0,
                   timeout: float | None = None, port: int | None = None, target: str = "") -> Call:
        return await super().call(number, hold=hold, ring=ring, timeout=timeout, port=port or a_port(), target=target)


class Carrier:
    """The public network: answers every call that leaves by the trunk, and calls in."""

    def __init__(self, far: FarEnd, answering: Answering) -> None:
        self.far, self._answering = far, answering

    def calls_to(self, number: str) -> list[Call]:
        """Calls whose number ends so, in order of arrival; of emergency calls `sip:112`."""
        wanted = f"{number}@"
        return [call for call in self._answering.calls if wanted in call.invite.first_line]

    async def call_to(self, number: str, timeout: float = 10.0) -> Call:
        """The call when it is over on the carrier's side."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            found = self.calls_to(number)
            if found and found[-1].ended_at is not None:
                return found[-1]
            await asyncio.sleep(0.1)
        raise AssertionError(f"no finished call to {number}: {self.calls_to(number)}")

    async def answered(self, number: str, timeout: float = 10.0) -> float:
        """Moment of the answer, when it has come."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            for call in self.calls_to(number):
                if call.answered_at is not None:
                    return call.answered_at
            await asyncio.sleep(0.1)
        raise AssertionError(f"{number} was not answered: {self.calls_to(number)}")

    async def call_in(self, number: str, caller: str, *, hold: float | None = None) -> Call:
        return await self.far.call_in(number, caller, hold=hold, port=free_udp_port(FAR_END, 26_500))


@asynccontextmanager
async def a_carrier(stack: Stack, node_id: int) -> AsyncIterator[Carrier]:
    """Answers at once and leaves hanging up to the others. The node's only trunk leads to it."""
    port = free_udp_port(FAR_END, 25_500 + os.getpid() % 200)
    far = FarEnd(Server(*stack.sip), FAR_END, port)
    async with far.answering() as answering:
        async with platform_transaction(STAFF) as tx:
            name = f"t{await trunks.create(tx, TrunkData(node_id, f'carrier {stack.instance}', FAR_END, port))}"
        await _until(lambda: _holds_trunk(stack, name), "the trunk in Asterisk")
        yield Carrier(far, answering)


async def _holds_trunk(stack: Stack, name: str) -> bool:
    answer = await stack.node.rx(f"pjsip show endpoint {name}")
    return f"{FAR_END}" in answer and "Unable" not in answer


async def _until(ready, what: str, timeout: float = 20.0) -> None:
    until = time.monotonic() + timeout
    while not await ready():
        assert time.monotonic() < until, f"{what}: not after {timeout} s"
        await asyncio.sleep(0.05)


async def the_node(stack: Stack) -> int:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval(
            "INSERT INTO pbx_node (name, sip_host, sip_port) VALUES ($1, $2, $3) "
            "ON CONFLICT (name) DO UPDATE SET sip_port = EXCLUDED.sip_port RETURNING id",
            stack.settings.node_name, *stack.sip)


async def a_tariff_by_second(price: str) -> int:
    """`price` for every started second of every call."""
    return await a_tariff({"prefix": "7", "destination": "Russia", "price": price, "unit_seconds": 1,
                           "first_increment": 1, "next_increment": 1})


@dataclass
class Company:
    """`people`: login → user id."""

    stack: Stack
    actor: Actor
    name: str
    number: str  # E.164, shown on outgoing calls; rings the first user
    number_id: int
    people: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.actor.domain_id

    def phone(self, login: str = "ivanov", password: str = PASSWORD, *, domain: str = "") -> Handset:
        return Handset(login, domain or self.name, password, Server(*self.stack.sip), port=a_port(),
                       address="127.0.0.1")

    async def registered(self, login: str = "ivanov") -> Handset:
        phone = self.phone(login)
        assert await phone.register() == 200, f"{login}@{self.name} could not register"
        return phone

    async def live(self, timeout: float = 20.0) -> None:
        """Wait until Asterisk has what the database wants."""
        async def applied() -> bool:
            return await self.fetchval("SELECT applied >= desired FROM provisioning_state WHERE domain_id = $1")

        await _until(applied, f"{self.name} live", timeout)

    async def fetch(self, sql: str, *args: object) -> list:
        """$1 is the domain."""
        async with domain_transaction(self.actor) as tx:
            return [dict(row) for row in await tx.fetch(sql, tx.domain_id, *args)]

    async def fetchval(self, sql: str, *args: object):
        async with domain_transaction(self.actor) as tx:
            return await tx.fetchval(sql, tx.domain_id, *args)

    async def calls(self) -> list[dict]:
        """The journal, oldest first."""
        return await self.fetch("SELECT * FROM call WHERE domain_id = $1 ORDER BY started_at, id")

    async def journal(self, count: int, timeout: float = 20.0) -> list[dict]:
        """The journal once it has so many calls and no money is held any more."""
        async def there() -> bool:
            return len(await self.calls()) >= count and not await self.held()

        await _until(there, f"{count} calls in the journal of {self.name}", timeout)
        return await self.calls()

    async def balance(self) -> Decimal:
        return await self.fetchval("SELECT balance FROM account WHERE domain_id = $1")

    async def held(self) -> Decimal:
        return await self.fetchval(
            "SELECT held + (SELECT count(*) FROM hold h WHERE h.domain_id = $1 AND h.released_at IS NULL) "
            "FROM account WHERE domain_id = $1")

    async def entries(self) -> list[Decimal]:
        """Amounts of the domain's ledger lines other than 0, oldest first."""
        rows = await self.fetch("SELECT amount FROM entry WHERE domain_id = $1 AND account = 'domain' AND amount <> 0 "
                                "ORDER BY posting_id")
        return [row["amount"] for row in rows]

    async def differences(self) -> list[Difference]:
        """What the books contradict themselves in."""
        async with platform_transaction(STAFF) as tx:
            return [one for one in await check_books(tx) if one.domain_id == self.id]

    async def put_aside(self) -> int:
        """Records of the node that no call was made of; calls to numbers that nobody has are other tests' own."""
        async with platform_transaction(STAFF) as tx:
            return await tx.fetchval(
                "SELECT count(*) FROM record_quarantine q JOIN pbx_node n ON n.id = q.node_id WHERE n.name = $1 "
                "AND q.reason <> 'no_domain'",
                self.stack.settings.node_name)

    async def pay(self, amount: str) -> None:
        async with platform_transaction(STAFF) as tx:
            await accounts.record_payment(
                await tx.enter_domain(self.id), external_id=uuid4().hex, amount=Money.parse(amount), source="Bank",
                description="by invoice")

    async def add_user(self, login: str, extension: str, *, is_admin: bool = False) -> int:
        async with domain_transaction(self.actor) as tx:
            self.people[login] = await users.create_user(tx, NewUser(
                login=login, display_name=login.title(), password=PASSWORD, extension=extension, is_admin=is_admin))
        return self.people[login]

    async def another_number(self, *, target: str = "") -> str:
        """A number that rings `target`, or nobody."""
        number_id, e164 = await _give_number(self.id)
        if target:
            async with domain_transaction(self.actor) as tx:
                await routing.route_to(tx, number_id, Destination(Kind.USER, self.people[target]))
        return e164

    @asynccontextmanager
    async def panel(self, login: str = "ivanov") -> AsyncIterator[Panel]:
        """A signed-in browser."""
        async with Panel(self.stack.web_url) as browser:
            await browser.sign_in(login, self.name)
            yield browser


async def _give_number(domain_id: int) -> tuple[int, str]:
    e164 = f"74993{next(_own_numbers):06}"
    async with platform_transaction(STAFF) as tx:
        await inventory.add_numbers(tx, [InventoryRow(1, e164, "city", "Moscow")])
        number_id = await tx.fetchval("SELECT id FROM phone_number WHERE e164 = $1", e164)
        await inventory.give(tx, number_id, domain_id)
    return number_id, e164


async def a_company(stack: Stack, *, balance: str = "", tariff_id: int = 0, people=PEOPLE,
                    **changes: Any) -> Company:
    """A commercial prepaid company in Moscow, live on the node. The first of `people` is its administrator."""
    actor = await a_domain(tariff_id=tariff_id or await a_tariff(("7", "1.50"), ("44", "9.00")),
                           node_id=await the_node(stack), **changes)
    number_id, e164 = await _give_number(actor.domain_id)
    company = Company(stack, actor, await domain_name(actor), e164, number_id)
    if balance:
        await company.pay(balance)
    for login, extension in people:
        await company.add_user(login, extension, is_admin=login == people[0][0])
    async with domain_transaction(actor) as tx:
        await routing.save_settings(tx, number_id, mode=Filter.OFF, is_default=True)
        await routing.route_to(tx, number_id, Destination(Kind.USER, company.people[people[0][0]]))
    await company.live()
    return company


class Panel(httpx.AsyncClient):
    """A person's browser in front of the real web process."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=10, trust_env=False, headers={"Accept-Language": "en"})

    async def sign_in(self, login: str, domain: str, password: str = PASSWORD) -> None:
        page = (await self.get("/sign-in")).text
        token = re.search(r'<meta name="csrf-token" content="([^"]+)"', page)
        assert token, page[:500]
        answer = await self.post("/sign-in", data={
            "csrf_token": token[1], "login": login, "domain": domain, "password": password})
        assert answer.status_code == 303, answer.text[:500]

    async def text(self, path: str) -> str:
        """What a person reads on the page: no markup, spaces plain."""
        answer = await self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        body = re.sub(r"(?s)<(script|style).*?</\1>", " ", answer.text)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace("\u2212", "-")

    async def shows(self, path: str, *texts: str, timeout: float = 10.0) -> float:
        """Moment (seconds since 1970) when the page first shows all of it."""
        until = time.time() + timeout
        while True:
            page = await self.text(path)
            if all(text in page for text in texts):
                return time.time()
            assert time.time() < until, f"{path} does not show {texts}: {page[:3000]}"
            await asyncio.sleep(0.05)
