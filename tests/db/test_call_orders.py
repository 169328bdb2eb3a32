"""What is known of ordered calls when Asterisk's words are lost, late or left over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.kernel.db import domain_transaction
from pbx_provisioning.agent.orders import FAMILY, CallOrders
from pbx_provisioning.ami import AmiError, Message
from tenants.calls import orders
from tenants.destinations.model import Destination, Kind
from tests.db import billing_factories as world

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


NODE = 10**12  # of no domain: orders of other tests are not begun


class Ami:
    """Asterisk as far as an agent's round asks it: its database, and no channel."""

    def __init__(self, kept: dict[int, str]) -> None:
        self.kept = kept

    async def listing(self, action: str, **_fields: Any) -> list[Message]:
        if action != "DBGetTree":
            return []
        if not self.kept:
            raise AmiError("no such family")
        return [Message({"key": f"/{FAMILY}/{key}", "val": value}) for key, value in self.kept.items()]

    async def action(self, action: str, **fields: Any) -> Message:
        assert (action, fields["Family"]) == ("DBDel", FAMILY)
        del self.kept[fields["Key"]]
        return Message({})


async def an_order(company: world.Company) -> int:
    """That the node has begun."""
    async with domain_transaction(company.actor) as tx:
        order_id = await orders.order(tx, kind="widget", ref="1", first=Destination(Kind.USER, company.user_id),
                                      then=Destination(Kind.NUMBER, number="84951234567"))
        await tx.execute("UPDATE call_order SET state = 'calling', node_id = $3 WHERE domain_id = $1 AND id = $2",
                         tx.domain_id, order_id, NODE)
    return order_id


async def test_that_the_first_answered_is_known_though_nobody_told_it_at_the_moment() -> None:
    """The agent was away: the outcome says it."""
    company = await world.a_company()
    answered, silent = await an_order(company), await an_order(company)
    ami = Ami({answered: "not_connected|21|funds|4|0", silent: "failed|19||0|0"})
    await CallOrders(NODE, ami).round()  # type: ignore[arg-type]
    async with domain_transaction(company.actor) as tx:
        found, other = await orders.find(tx, answered), await orders.find(tx, silent)
    assert found is not None
    assert other is not None
    assert (found.result, found.reason) == ("not_connected", "funds")
    assert found.ended_at is not None
    assert found.first_at == found.ended_at - timedelta(seconds=4)
    assert (other.result, other.first_at) == ("no_answer", None)
    assert ami.kept == {}


async def test_words_about_an_order_that_has_ended_are_forgotten() -> None:
    """Asterisk writes once more after the agent has read; what is begun is left alone."""
    company = await world.a_company()
    running = await an_order(company)
    ami = Ami({running: "begun", 10**15: "failed|0||0|0", 10**15 + 1: "begun"})
    await CallOrders(NODE, ami).round()  # type: ignore[arg-type]
    assert ami.kept == {running: "begun", 10**15 + 1: "begun"}
