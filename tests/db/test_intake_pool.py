"""A call between two domains of a pool in both journals; who picked a call up; records that claim too much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pbx_provisioning.intake.records import CdrRecord
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import Company, a_company, a_record

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


def between(caller: Company, called: Company, **changes: Any) -> CdrRecord:
    """User 101 of one domain called 101 of the other and talked for 65 s."""
    return a_record(caller, **({
        "direction": "internal", "is_billable": False, "trunk": "", "a_number": "101", "b_number": "4456101",
        "number": "4455101", "peer_domain_id": called.id, "peer_user_id": called.user_id,
        "dst_channel": ""} | changes))


async def calls(company: Company) -> list[dict[str, Any]]:
    row = await company.fetchrow("SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.id), '[]') AS found FROM call c "
                                 "WHERE c.domain_id = $1", company.id)
    return row["found"]


@pytest.mark.req("POOL-02", "POOL-D2")
async def test_both_journals_tell_it_once_and_nobody_pays() -> None:
    caller, called = await a_company("100"), await a_company("100")
    record = between(caller, called)
    for _ in range(3):
        await take_in(caller.node_id, [record])
    [own], [theirs] = await calls(caller), await calls(called)
    assert (own["direction"], own["user_id"], own["peer_user_id"], own["peer_domain_id"]) == (
        "internal", caller.user_id, None, called.id)
    assert (own["a_number"], own["b_number"]) == ("101", "4456101")
    assert (theirs["direction"], theirs["user_id"], theirs["peer_user_id"], theirs["peer_domain_id"]) == (
        "internal", None, called.user_id, caller.id)
    assert theirs["a_number"] == "4455101"  # what to dial back
    assert (theirs["linkedid"], theirs["talk_seconds"]) == (own["linkedid"], own["talk_seconds"])
    assert own["cost"] == theirs["cost"] == 0
    assert await caller.balance() == await called.balance() == 100


async def test_only_an_internal_call_to_a_domain_that_is_there_has_two_sides() -> None:
    caller, called = await a_company("100"), await a_company("100")
    await take_in(caller.node_id, [
        between(caller, called, direction="in"), between(caller, called, peer_domain_id=2**40),
        between(caller, called, peer_domain_id=caller.id)])
    assert await calls(called) == []
    assert len(await calls(caller)) == 3


async def test_a_user_of_a_third_domain_is_not_believed() -> None:
    caller, called, third = await a_company("100"), await a_company("100"), await a_company("100")
    await take_in(caller.node_id, [between(caller, called, peer_user_id=third.user_id)])
    [theirs] = await calls(called)
    assert theirs["peer_user_id"] is None
    assert theirs["b_number"] == "4456101"


@pytest.mark.req("PICK-14")
async def test_who_picked_up_has_the_talk() -> None:
    company, other = await a_company("100"), await a_company("100")
    row = await company.fetchrow("SELECT u.login || '@' || d.name AS account, u.extension FROM domain_user u "
                                 "JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 AND u.id = $2",
                                 company.id, company.user_id)
    phone = f"PJSIP/{row['account']}-0000002a"
    rung = between(company, other, peer_domain_id=None, peer_user_id=None, b_number="999", user_id=None,
                   dst_channel=phone)
    await take_in(company.node_id, [
        rung, replace(rung, sequence=1, direction="in"), replace(rung, sequence=2, kind="redirected"),
        replace(rung, sequence=3, disposition="NO ANSWER", answered_at=None),
        replace(rung, sequence=4, dst_channel=f"{phone}x"),
        between(other, company, peer_user_id=None, dst_channel=phone)])
    found = await calls(company)
    assert [(one["direction"], one["user_id"], one["peer_user_id"]) for one in found] == [
        ("internal", None, company.user_id), ("in", company.user_id, None), ("internal", None, None),
        ("internal", None, None), ("internal", None, None), ("internal", None, company.user_id)]
