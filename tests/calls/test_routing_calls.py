"""Rules, prefixes and lists of numbers in real calls; the domain's zone is chosen so that it is noon there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from app.kernel.db import domain_transaction
from billing.services import channels
from tenants.destinations.model import Destination, Kind
from tenants.forwarding.rules import DAY, Period
from tenants.routing import service
from tenants.routing.rules import Filter
from tenants.routing.service import RuleData
from tests.calls.test_channels_calls import _until
from tests.calls.world import Carrier, Company, a_company
from tests.db.factories import a_tariff
from tests.db.services_world import a_service
from tests.stack import Stack

pytestmark = pytest.mark.anyio
EVERY = frozenset(range(1, 8))
BUSY = Destination(Kind.HANGUP)
OFFICE, OUTSIDE = (Period(EVERY, 600, 1140),), (Period(EVERY, 1140, DAY), Period(EVERY, 0, 600))


def noon_zone() -> str:
    """A fixed zone where it is between 12:00 and 13:00 now; POSIX names count westwards."""
    west = datetime.now(UTC).hour - 12
    return f"Etc/GMT{west:+d}" if west else "Etc/GMT"


async def a_number(company: Company, *rules: RuleData, mode: Filter = Filter.OFF, listed: str = "") -> str:
    e164 = await company.another_number()
    async with domain_transaction(company.actor) as tx:
        number_id = await tx.fetchval("SELECT id FROM phone_number WHERE e164 = $1", e164)
        for rule in rules:
            await service.add_rule(tx, number_id, rule)
        await service.save_settings(tx, number_id, mode=mode, is_default=False)
        if listed:
            await service.add_entry(tx, number_id, "black" if mode is Filter.BLACKLIST else "white", listed)
    return e164


@pytest.mark.req("RTE-12", "RTE-17", "RTE-19", "RTE-61", "NUM-22", "NUM-23", "NUM-28")
async def test_calls_go_by_lists_times_and_prefixes(stack: Stack, carrier: Carrier) -> None:
    tariff = await a_tariff(("7", "1.50"), services=[a_service(channels.INCOMING, "special", included=2)])
    company = await a_company(stack, balance="100.00", tariff_id=tariff)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain SET timezone = $2 WHERE id = $1", tx.domain_id, noon_zone())
    ivanov, petrov = (Destination(Kind.USER, company.people[one]) for one in ("ivanov", "petrov"))
    mail = Destination(Kind.VOICEMAIL, company.people["petrov"], "user")
    office = await a_number(company, RuleData(ivanov, periods=OFFICE), RuleData(mail))
    closed = await a_number(company, RuleData(ivanov, periods=OUTSIDE), RuleData(mail))
    ended = await a_number(company, RuleData(BUSY), RuleData(ivanov, periods=OFFICE))
    regions = await a_number(company, RuleData(ivanov, prefixes=("495", "499")), RuleData(petrov, prefixes=("812",)))
    black = await a_number(company, RuleData(petrov), mode=Filter.BLACKLIST, listed="+79990000001")
    white = await a_number(company, RuleData(petrov), mode=Filter.WHITELIST, listed="89990000001")
    empty = await a_number(company, RuleData(petrov), mode=Filter.WHITELIST)
    await company.live()
    phones = [await company.registered(login) for login in ("ivanov", "petrov")]
    calls = ((office, "74951112233", 200), (closed, "74951112233", 200), (ended, "74951112233", 486),
             (regions, "+74951112233", 200), (regions, "84991112233", 200), (regions, "8121112233", 200),
             (regions, "73431112233", 486), (regions, "+4951112233", 486), (black, "89990000001", 486),
             (black, "79990000002", 200), (white, "+79990000001", 200), (white, "79990000002", 486),
             (white, "anonymous", 486), (empty, "79990000001", 486))
    async with phones[0].answering() as first, phones[1].answering() as second:
        for number, caller, code in calls:
            assert (await carrier.call_in(number, caller, hold=0.1)).code == code, (number, caller)
        talks = []
        for number in (office, regions):  # one after the other: each takes a port of the carrier
            talks.append(asyncio.create_task(carrier.call_in(number, "74957770000", hold=3.0)))
            await _until(lambda: sum(one.answered_at is not None for one in first.calls) == 3 + len(talks), "a talk")
        assert (await carrier.call_in(black, "79990000001")).code == 486  # no channel: before the list is looked at
        assert [(await one).code for one in talks] == [200, 200]
        assert (len(first.calls), len(second.calls)) == (1 + 2 + 2, 1 + 1 + 1)
    rows = [row for row in await company.journal(len(calls) + 3) if row["direction"] == "in"]
    refused = {(row["b_number"], row["refusal"]) for row in rows if row["refusal"]}
    assert refused == {(ended, "hangup_rule"), (regions, "no_rule"), (black, "black_list"), (black, "no_channel"),
                       (white, "not_in_white_list"), (empty, "not_in_white_list")}
    async with company.panel() as panel:
        journal = await panel.text("/calls")
        assert "The caller is in the black list" in journal
        assert "The caller is not in the white list" in journal
