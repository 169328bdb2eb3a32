"""The main job from the first ring to the bill, as the panel's pages show it. Last, because it takes a minute."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.calls.long_calls import LongCalls, MainJob
from tests.calls.sipp import Call

pytestmark = pytest.mark.anyio


@pytest.mark.req("ACC-01", "FIN-54", "FIN-62", "USR-28")
async def test_main_job(long_calls: LongCalls) -> None:
    """65 seconds at 1.50 per started minute cost 3.00, and everybody says so within two seconds."""
    company = long_calls.company
    seen: MainJob = await long_calls.tasks["main job"]
    assert (seen.internal.code, seen.outside.code, seen.outside.ended_here) == (200, 200, True)
    inner, outer = await company.journal(2)
    users = company.people["ivanov"], company.people["petrov"]
    assert (inner["direction"], inner["user_id"], inner["peer_user_id"]) == ("internal", *users)
    assert (inner["result"], inner["rating"], inner["cost"]) == ("answered", "free", 0)
    assert inner["talk_seconds"] in (1, 2)
    assert (outer["direction"], outer["user_id"], outer["b_number"]) == ("out", users[0], f"7{seen.number}")
    assert (outer["rating"], outer["cost"], outer["result"]) == ("rated", Decimal("3.00"), "answered")
    assert outer["talk_seconds"] in (65, 66)
    assert outer["charge"]["posted"] == 3_000_000
    assert await company.entries() == [Decimal("10.00"), Decimal("-3.00")]
    assert (await company.balance(), await company.held()) == (Decimal("7.00"), 0)
    assert await company.differences() == []
    print(f"after BYE: journal {seen.journal_delay:.2f} s, balance {seen.finance_delay:.2f} s, "
          f"ledger {seen.ledger_delay:.2f} s")
    assert max(seen.journal_delay, seen.finance_delay, seen.ledger_delay) < 2


async def test_one_minute_of_money_is_one_minute_of_talk(long_calls: LongCalls) -> None:
    call: Call = await long_calls.tasks["one minute"]
    assert call.ended_here is False
    assert 58 < call.talk_seconds < 62
    [row] = await long_calls.poor.journal(1)
    assert (row["talk_seconds"], row["cost"]) == (60, Decimal("1.50"))
    assert await long_calls.poor.balance() == 0
