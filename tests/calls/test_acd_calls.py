"""Voice queues through the running product: real phones, real waiting, and what is kept of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest

from app.kernel import provisioning
from app.kernel.db import domain_transaction
from tenants.destinations.model import Destination, Kind
from tenants.groups import targets
from tenants.operators import service as operators
from tenants.routing import service as routing
from tests.calls.sipp.softphone import SoftPhone, Talk, softphone
from tests.calls.world import PASSWORD, Carrier, Company, a_company
from tests.stack import Stack

pytestmark = pytest.mark.anyio
PEOPLE = (("olga", "201"), ("pavel", "202"), ("anna", "101"), ("boris", "102"), ("clara", "103"))


async def until(ready: Callable[[], Awaitable[bool]], what: str, timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while not await ready():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


@dataclass
class Centre:
    """A company whose first users are operators of the group 600."""

    company: Company
    group_id: int
    phones: dict[str, SoftPhone]

    async def sign_in(self, login: str, wish: str = "waiting") -> None:
        async with domain_transaction(self.company.actor) as tx:
            await operators.sign_in(tx, self.company.people[login])
            await operators.choose(tx, self.company.people[login], wish)
        if not await self.calls_wait():  # else the next state comes at once
            await self.in_state(login, wish)

    async def calls_wait(self) -> bool:
        return any(one["t_end"] is None for one in await self.passes())

    async def sign_out(self, login: str) -> None:
        async with domain_transaction(self.company.actor) as tx:
            await operators.sign_out(tx, self.company.people[login])

    async def in_state(self, login: str, state: str) -> None:
        async def is_so() -> bool:
            return await self.state(login) == state

        await until(is_so, f"{login} is {await self.state(login)}, not {state}")

    async def state(self, login: str) -> str:
        return await self.company.fetchval("SELECT state FROM operator_state_interval WHERE domain_id = $1 "
                                           "AND user_id = $2 AND ended_at IS NULL", self.company.people[login])

    async def waiting(self, count: int) -> None:
        """So many callers stand in the queue with nobody being rung."""
        async def is_so() -> bool:
            return count == await self.company.fetchval(
                "SELECT coalesce((SELECT length FROM queue_length_sample WHERE domain_id = $1 ORDER BY at DESC, "
                "length DESC LIMIT 1), 0)")

        await until(is_so, f"not {count} in the queue")

    async def passes(self) -> list[dict]:
        return await self.company.fetch(
            "SELECT c.*, (SELECT array_agg(o.operator_name || ' ' || coalesce(o.result, '') ORDER BY o.id) "
            "FROM call_offer o WHERE o.domain_id = c.domain_id AND o.group_call_id = c.id) AS offers FROM group_call c "
            "WHERE c.domain_id = $1 ORDER BY c.id")

    async def ended(self, count: int) -> list[dict]:
        async def is_so() -> bool:
            return sum(one["t_end"] is not None and one["ended_by"] is not None for one in await self.passes()) >= count

        await until(is_so, f"not {count} passes have ended")
        return await self.passes()


@asynccontextmanager
async def a_centre(stack: Stack, *, algorithm: str = "acd_longest_idle", who: tuple[str, ...] = ("olga", "pavel"),
                   **settings: object) -> AsyncIterator[Centre]:
    company = await a_company(stack, people=PEOPLE)
    async with domain_transaction(company.actor) as tx:
        group_id = await tx.fetchval("INSERT INTO call_group (domain_id, name, extension, algorithm) "
                                     "VALUES ($1, 'Sales', '600', $2) RETURNING id", tx.domain_id, algorithm)
        for name, value in settings.items():
            await tx.execute(f"UPDATE call_group SET {name} = $2 WHERE domain_id = $1", tx.domain_id, value)
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND login = ANY($2)",
                         tx.domain_id, list(who))
        await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id, priority) "
                         "SELECT $1, $2, id, CASE login WHEN 'olga' THEN 10 ELSE 20 END FROM domain_user "
                         "WHERE domain_id = $1 AND login IN ('olga', 'pavel')", tx.domain_id, group_id)
        await provisioning.want_new_generation(tx, "group")
    await company.live()
    async with AsyncExitStack() as phones:
        found = {login: await phones.enter_async_context(softphone(login, company.name, PASSWORD, stack.sip))
                 for login, _extension in PEOPLE}
        yield Centre(company, group_id, found)


async def taken_by(phone: SoftPhone) -> tuple[Talk, str]:
    """The next call of the phone, answered, and who calls."""
    talk = await phone.taken()
    assert talk.invite is not None
    return talk, talk.invite.header("From").partition("<sip:")[2].partition("@")[0]


async def test_example_9_vips_first_and_post_call_processing_between(stack: Stack) -> None:
    async with a_centre(stack, who=("olga",), wrap_up_seconds=300) as centre:
        company, olga = centre.company, centre.phones["olga"]
        async with domain_transaction(company.actor) as tx:
            await tx.executemany("INSERT INTO vip_number (domain_id, number, priority) VALUES ($1, $2, $3)",
                                 [(tx.domain_id, "102", 5), (tx.domain_id, "103", 1)])
        await centre.sign_in("olga", "break")
        calls = []
        for count, login in enumerate(("anna", "boris", "clara"), 1):
            calls.append(asyncio.create_task(centre.phones[login].call("600")))
            await centre.waiting(count)
        await centre.sign_in("olga")
        served = []
        for _ in calls:
            talk, caller = await taken_by(olga)
            served.append(caller)
            await centre.in_state("olga", "incoming")
            await talk.bye()
            await centre.in_state("olga", "wrap_up")
            assert olga.incoming.empty()  # nobody is offered
            async with domain_transaction(company.actor) as tx:
                await operators.ready(tx, company.people["olga"])
        assert served == ["103", "102", "101"]
        assert [talk.code for talk in await asyncio.gather(*calls)] == [200] * 3
        await centre.in_state("olga", "waiting")
        rows = await centre.ended(3)
        assert [(row["caller_number"], row["outcome"], row["ended_by"], row["operator_name"], row["vip_priority"])
                for row in rows] == [("101", "answered", "operator", "Olga", None), ("102", "answered", "operator", "Olga", 5),
                                     ("103", "answered", "operator", "Olga", 1)]
        states = await company.fetch("SELECT state, started_at, ended_at FROM operator_state_interval "
                                     "WHERE domain_id = $1 ORDER BY id")
        assert [one["state"] for one in states][1:-1] == ["waiting", "ringing", "incoming", "wrap_up"] * 3
        assert all(one["ended_at"] == after["started_at"] for one, after in pairwise(states))


@pytest.mark.req("GRP-31", "GRP-33")
async def test_examples_5_and_24_priority_and_the_returned_call(stack: Stack) -> None:
    async with a_centre(stack, answer_seconds=5) as centre:
        olga, pavel = centre.phones["olga"], centre.phones["pavel"]
        olga.answers = False
        await asyncio.gather(centre.sign_in("olga"), centre.sign_in("pavel", "away"))
        first = asyncio.create_task(centre.phones["anna"].call("600"))
        await centre.in_state("olga", "ringing")
        second = asyncio.create_task(centre.phones["boris"].call("600"))
        await centre.waiting(1)
        await centre.sign_in("pavel", "away")  # still away
        async with domain_transaction(centre.company.actor) as tx:
            await operators.choose(tx, centre.company.people["olga"], "break")  # applied after what rings
        await centre.in_state("olga", "break")
        await centre.sign_in("pavel")
        talk, caller = await taken_by(pavel)
        assert caller == "101"  # missed by olga: before boris, who came later
        await centre.in_state("pavel", "incoming")
        await talk.bye()
        talk, caller = await taken_by(pavel)
        assert caller == "102"
        third = asyncio.create_task(centre.phones["clara"].call("600"))
        await centre.waiting(1)
        olga.answers = True
        while not olga.incoming.empty():
            olga.incoming.get_nowait()  # what she has missed
        await centre.sign_in("olga")
        other, caller = await taken_by(olga)
        assert caller == "103"
        await centre.in_state("olga", "incoming")
        await asyncio.gather(talk.bye(), other.bye())
        await asyncio.gather(*(centre.in_state(login, "waiting") for login in ("olga", "pavel")))
        fourth = asyncio.create_task(centre.phones["anna"].call("600"))  # both are free: the smaller priority
        await taken_by(olga)
        talks = await asyncio.gather(first, second, third, fourth)
        await centre.in_state("olga", "incoming")
        await talks[3].bye()
        rows = await centre.ended(4)
        assert [row["offers"] for row in rows] == [
            ["Olga timeout", "Pavel answered"], ["Pavel answered"], ["Olga answered"], ["Olga answered"]]
        assert [row["ended_by"] for row in rows] == ["operator", "operator", "operator", "subscriber"]
        assert pavel.incoming.empty()
        journal = await centre.company.journal(5)  # a line for each phone that was rung
        assert [row["result"] for row in journal].count("answered") == 4
        assert [row["peer_user_id"] for row in journal if row["result"] == "answered"].count(
            centre.company.people["olga"]) == 2


async def test_examples_6_and_25_without_operators_and_when_the_last_one_leaves(stack: Stack) -> None:
    async with a_centre(stack, who=("olga",)) as centre:
        anna, boris = centre.phones["anna"], centre.phones["boris"]
        assert (await anna.call("600")).code == 480  # all are offline
        await centre.sign_in("olga")
        await centre.sign_in("olga", "break")
        calls = [asyncio.create_task(anna.call("600")), asyncio.create_task(boris.call("600"))]
        await centre.waiting(2)
        await centre.sign_out("olga")
        assert [talk.code for talk in await asyncio.gather(*calls)] == [480, 480]
        async with domain_transaction(centre.company.actor) as tx:
            await tx.execute("UPDATE call_group SET voicemail_on = true WHERE domain_id = $1", tx.domain_id)
            await provisioning.want_new_generation(tx, "group")
        await centre.company.live()
        await centre.sign_in("olga", "away")
        calls = [asyncio.create_task(anna.call("600"))]
        await centre.waiting(1)
        await centre.sign_out("olga")
        [talk] = await asyncio.gather(*calls)
        assert talk.code == 200  # the voicemail has answered
        await talk.bye()
        async with domain_transaction(centre.company.actor) as tx:
            await tx.execute("UPDATE domain_user SET is_operator = false WHERE domain_id = $1", tx.domain_id)
            await provisioning.want_new_generation(tx, "operator")
        await centre.company.live()
        assert (await anna.call("600")).code == 480  # plain users only: ended at once, voicemail or not
        rows = await centre.ended(5)
        assert [(row["outcome"], row["ended_by"]) for row in rows] == [
            ("no_operators", "system")] * 3 + [("voicemail", "system"), ("no_operators", "system")]


async def test_other_calls_of_the_phone_and_a_new_agent_in_the_middle(stack: Stack) -> None:
    async with a_centre(stack, who=("olga",)) as centre:
        olga = centre.phones["olga"]
        await centre.sign_in("olga")
        boris = centre.phones["boris"]
        own = await olga.call("102")
        assert own.code == 200
        await centre.in_state("olga", "outgoing")
        calling = asyncio.create_task(centre.phones["anna"].call("600"))
        await centre.waiting(1)
        await stack.kill("agent")
        await stack.begin("agent")
        await own.bye()
        (await boris.taken()).finish()
        talk, caller = await taken_by(olga)
        assert caller == "101"
        await centre.in_state("olga", "incoming")
        await stack.kill("agent")
        await stack.begin("agent")
        await (await calling).bye()
        await centre.in_state("olga", "waiting")
        direct = await centre.phones["clara"].call("201")
        await centre.in_state("olga", "incoming")
        await direct.bye()
        await centre.in_state("olga", "waiting")
        [row] = await centre.ended(1)
        assert (row["outcome"], row["offers"]) == ("answered", ["Olga answered"])
        assert talk.ended.is_set()


async def test_an_outside_caller_is_taken_and_transferred(stack: Stack, carrier: Carrier) -> None:
    async with a_centre(stack, who=("olga",), wrap_up_seconds=1) as centre:
        company, olga, boris = centre.company, centre.phones["olga"], centre.phones["boris"]
        assert targets  # groups are known as destinations
        async with domain_transaction(company.actor) as tx:
            await routing.route_to(tx, company.number_id, Destination(Kind.GROUP, centre.group_id))
            await tx.execute("INSERT INTO vip_number (domain_id, number, priority, comment) "
                             "VALUES ($1, '74959998877', 7, 'Bank')", tx.domain_id)
        await company.live()
        await centre.sign_in("olga")
        outside = asyncio.create_task(carrier.call_in(company.number, "+74959998877", hold=3.0))
        talk, caller = await taken_by(olga)
        assert caller.endswith("4959998877")
        await centre.in_state("olga", "incoming")
        assert await talk.refer("102") == 202
        await boris.taken()
        await centre.in_state("olga", "waiting")  # after a second of post-call processing
        call = await outside
        assert call.code == 200
        [row] = await centre.ended(1)
        assert (row["outcome"], row["ended_by"], row["number"], row["vip_priority"], row["caller_user_id"]) == (
            "answered", "operator", company.number, 7, None)
        assert (row["t_end"] - row["t_answer"]).total_seconds() < 2  # hers, not that of the whole call
        lines = await company.journal(1)
        assert lines[0]["user_id"] == company.people["olga"]
