"""The node's question over HTTP: signature, moment, replay, and answers that a dialplan can read."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import httpx
import pytest

from app.settings import settings
from tests.db.billing_factories import MOSCOW, Company, a_company, channel

pytestmark = pytest.mark.anyio


def question(company: Company, **changes: str) -> dict[str, str]:
    """Signed as the dialplan signs: SHA1(key2:SHA1(key1:message)). A change comes after the signature."""
    known = settings()
    fields = {"node": "pbx1", "domain": str(company.id), "user": str(company.user_id), "digits": MOSCOW,
              "uniqueid": channel(), "ts": str(int(time.time()))}
    fields |= {name[7:]: value for name, value in changes.items() if name.startswith("signed_")}
    inner = hashlib.sha1(f"{known.node_key1}:{'|'.join(fields.values())}".encode()).hexdigest()
    fields["sig"] = hashlib.sha1(f"{known.node_key2}:{inner}".encode()).hexdigest()
    return fields | {name: value for name, value in changes.items() if not name.startswith("signed_")}


async def ask(web: Any, query: dict[str, str]) -> str:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://panel") as client:
        answer = await client.get("/pbx/authorise", params=query)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "\n" not in answer.text
    return answer.text


async def test_one_line_for_the_dialplan(web: Any) -> None:
    company = await a_company("100")
    query = question(company)
    line = await ask(web, query)
    verdict, hold, seconds, caller_id, trunks, b_number, offline = line.split("|")
    assert (verdict, seconds, b_number, offline) == ("allow", "900", "74951234567", "0")
    assert hold.isdigit()
    assert caller_id.isdigit()
    assert trunks.startswith("t")
    assert await ask(web, query) == line


async def test_refusals_are_lines_too(web: Any) -> None:
    company = await a_company("1.49")
    assert await ask(web, question(company)) == "deny|funds"
    assert await ask(web, question(company, signed_digits="+1")) == "deny|number"


async def test_forged_questions_hold_nothing(web: Any) -> None:
    company, other = await a_company("100"), await a_company("100")
    forged = [
        question(company, domain=str(other.id)), question(company, digits="84957654321"),
        question(company, uniqueid="1.2"), question(company, sig="0" * 40), question(company, sig=""),
        question(company, signed_ts=str(int(time.time()) - 32)),
        question(company, signed_ts=str(int(time.time()) + 40)),
        question(company, signed_user=str(other.user_id)), question(company, signed_node="pbx9"),
        question(company, signed_digits="101|x"), question(company, signed_domain="9" * 30), {},
    ]
    for query in forged:
        assert await ask(web, query) == "deny|error"
    assert (await company.account())["held"] == (await other.account())["held"] == 0
