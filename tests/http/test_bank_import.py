"""Statements of the bank in the console: read, matched, assigned, posted once."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from decimal import Decimal
from typing import Any

import pytest

from app.kernel.actors import Actor
from tests.db.billing_factories import balance, pay
from tests.db.factories import a_domain
from tests.http.browser import Browser
from tests.http.provider_help import Console, a_console, value
from tests.unit.bank.test_bank_rules import a_document, a_file

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]

_count = itertools.count(os.getpid() * 1000)


@pytest.fixture
async def console(client: Browser) -> Console:
    return await a_console(client, "billing")


def a_payer() -> tuple[str, str]:
    """(account, INN) of a company that nobody has seen."""
    number = next(_count)
    return f"40702810{number:012}", f"77{number % 10**8:08}"


async def account(actor: Actor) -> str:
    return await value("SELECT number FROM account WHERE domain_id = $1", actor.domain_id)


async def upload(console: Console, content: bytes, name: str = "выписка.txt") -> Any:
    return await console.post("/provider/bank/upload", files={"file": (name, content, "text/plain")})


async def loaded(console: Console, *documents: str) -> str:
    """Path of the statement that was made of the documents."""
    answer = await upload(console, a_file(*documents))
    assert answer.status_code == 200, answer.text
    return answer.headers["hx-redirect"]


async def states(path: str) -> list[str]:
    return await value("SELECT array_agg(state ORDER BY line) FROM bank_line WHERE statement_id = $1",
                       int(path.rsplit("/", 1)[1]))


async def line_of(path: str, number: str) -> int:
    return await value("SELECT id FROM bank_line WHERE statement_id = $1 AND number = $2",
                       int(path.rsplit("/", 1)[1]), number)


@pytest.mark.req("FIN-D7")
async def test_payments_find_their_domains_and_are_posted_once(console: Console) -> None:
    first, second = await a_domain(), await a_domain()
    (payer, inn), (stranger, other_inn) = a_payer(), a_payer()
    documents = [a_document("1", amount="1500.00", payer=payer, inn=inn, purpose=f"НЛС {await account(first)}"),
                 a_document("2", amount="200.50", payer=stranger, inn=other_inn, purpose="за связь"),
                 a_document("3", amount="0", payer=payer, inn=inn)]
    path = await loaded(console, *documents)
    assert await states(path) == ["matched", "unknown", "wrong"]
    page = (await console.get(path)).text
    assert "1,500.00" in page
    assert "Post 1 matched payments" in page
    assert "Cannot be read" in page
    assert await balance(first) == 0
    line = await line_of(path, "2")
    assert "200.50" in (await console.get(f"/provider/bank/lines/{line}/assign")).text
    assert (await console.post(f"/provider/bank/lines/{line}/assign", domain_id="")).status_code == 422
    assert (await console.post(f"/provider/bank/lines/{line}/assign", domain_id="999999999")).status_code == 404
    assert (await console.post(f"/provider/bank/lines/{line}/assign",
                               domain_id=str(second.domain_id))).status_code == 200
    answers = await asyncio.gather(*(console.post(f"{path}/import") for _time in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert await states(path) == ["posted", "posted", "wrong"]
    assert (await balance(first), await balance(second)) == (Decimal("1500.00"), Decimal("200.50"))
    row = await value("SELECT external_id FROM payment WHERE domain_id = $1", first.domain_id)
    assert row == f"bank:20261121:1:{payer}:1500.00"
    assert (await console.post(f"/provider/bank/lines/{line}/assign",
                               domain_id=str(first.domain_id))).status_code == 409
    assert (await console.post(f"{path}/remove")).status_code == 409

    again = await loaded(console, *documents, a_document("4", amount="5", payer=stranger, inn=other_inn,
                                                         purpose="за связь в декабре"))
    assert await states(again) == ["known", "known", "wrong", "matched"], "the payer is remembered"
    await console.post(f"{again}/import")
    assert (await balance(first), await balance(second)) == (Decimal("1500.00"), Decimal("205.50"))


@pytest.mark.req("FIN-D7")
async def test_overlapping_files_and_doubles_make_one_payment(console: Console) -> None:
    actor = await a_domain()
    payer, inn = a_payer()
    text = a_document("7", amount="70", payer=payer, inn=inn, purpose=f"НЛС {await account(actor)}")
    first, second = await loaded(console, text, text), await loaded(console, text)
    assert (await states(first), await states(second)) == (["matched", "known"], ["matched"])
    await asyncio.gather(console.post(f"{first}/import"), console.post(f"{second}/import"))
    assert sorted([*await states(first), *await states(second)]) == ["known", "known", "posted"]
    assert await balance(actor) == 70


async def test_what_is_not_certain_is_left_to_a_person(console: Console) -> None:
    first, second = await a_domain(), await a_domain()
    payer, inn = a_payer()
    await pay(first, "33.00")  # entered by hand
    path = await loaded(
        console, a_document("1", payer=payer, inn=inn, purpose=f"{await account(first)} {await account(second)}"),
        a_document("2", payer=payer, inn=inn, purpose="НЛС 99999999999"),
        a_document("3", amount="33", day=await _today(), payer=payer, inn=inn, purpose=f"НЛС {await account(first)}"))
    assert await states(path) == ["ambiguous", "unknown", "ambiguous"]
    page = (await console.get(path)).text
    assert "names several accounts" in page
    assert "entered by hand" in page
    await console.post(f"{path}/import")
    assert await balance(first) == 33
    line = await line_of(path, "2")
    assert (await console.post(f"/provider/bank/lines/{line}/leave-out")).status_code == 200
    assert await states(path) == ["ambiguous", "ignored", "ambiguous"]
    assert (await console.post(f"{path}/remove")).status_code == 200
    assert (await console.get(path)).status_code == 404


async def _today() -> str:
    return await value("SELECT to_char(now(), 'DD.MM.YYYY')")


async def test_a_bank_that_passes_money_on_is_not_remembered(console: Console) -> None:
    actor = await a_domain()
    number = next(_count)
    transit = f"30232810{number:012}"
    path = await loaded(console, a_document("1", payer=transit, purpose=f"НЛС {await account(actor)}"))
    await console.post(f"{path}/import")
    path = await loaded(console, a_document("2", payer=transit, purpose="Перевод от частного лица"))
    assert await states(path) == ["unknown"]


@pytest.mark.req("FIN-D3")
async def test_an_imported_payment_lifts_the_financial_block(console: Console) -> None:
    actor = await a_domain()
    await value("INSERT INTO domain_block (domain_id, kind, started_at) VALUES ($1, 'financial', now()) RETURNING id",
                actor.domain_id)
    payer, inn = a_payer()
    path = await loaded(console, a_document("1", payer=payer, inn=inn, purpose=f"НЛС {await account(actor)}"))
    await console.post(f"{path}/import")
    assert await value("SELECT count(*) FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL",
                       actor.domain_id) == 0


async def test_many_payments_are_posted_in_portions(console: Console) -> None:
    actor = await a_domain()
    payer, inn = a_payer()
    purpose = f"НЛС {await account(actor)}"
    path = await loaded(console, *(a_document(str(n), amount="1", payer=payer, inn=inn, purpose=purpose)
                                   for n in range(1, 131)))
    answer = await console.post(f"{path}/import")
    assert 'hx-trigger="load"' in answer.text
    assert await balance(actor) == 100
    answer = await console.post(f"{path}/import")
    assert 'hx-trigger="load"' not in answer.text
    assert await balance(actor) == 130


@pytest.mark.req("FIN-D7")
async def test_a_table_is_read_by_its_columns(console: Console) -> None:
    actor = await a_domain()
    text = (f"Дата;№;Дебет;Кредит;Плательщик;ИНН;Счёт плательщика;Назначение\n"
            f"21.11.2026;5;;1 000,50;ООО Ромашка;;;НЛС {await account(actor)}\n"
            f"21.11.2026;6;10,00;;Банк;;;Комиссия\n21.11.2026;7;;abc;?;;;x\n").encode("cp1251")
    answer = await upload(console, text, "bank.csv")
    assert "Комиссия" in answer.text
    import_id = re.findall(r'name="import_id" value="(\d+)"', answer.text)[0]
    chosen = {"import_id": import_id, "first": "2", "day": "0", "number": "1", "amount": "3", "payer": "4",
              "payer_inn": "", "payer_account": "", "purpose": "7"}
    assert re.search(r'value="3" selected>Кредит', answer.text)
    assert (await console.post("/provider/bank/columns", **chosen | {"amount": "0"})).status_code == 422
    assert (await console.post("/provider/bank/columns", **chosen | {"amount": "99"})).status_code == 422
    answer = await console.post("/provider/bank/columns", **chosen)
    path = answer.headers["hx-redirect"]
    assert (await console.post("/provider/bank/columns", **chosen)).status_code == 404
    assert await states(path) == ["matched", "wrong"]
    assert await value("SELECT outgoing FROM bank_statement WHERE id = $1", int(path.rsplit("/", 1)[1])) == 1
    await console.post(f"{path}/import")
    assert await balance(actor) == Decimal("1000.50")


@pytest.mark.parametrize("content", [
    b"", b"\x00\x01\x02", b"PK\x03\x04" + b"\0" * 100, b"%PDF-1.7", b"1CClientBankExchange\n\x00",
    a_file(*(a_document(str(n)) for n in range(5_001))), b"1CClientBankExchange\n" + b"x" * (11 * 1024 * 1024),
    b"a;b\n" * 100_000, b'"' + b"a;b\n" * 10], ids=range(9))
async def test_hostile_files_are_refused_with_a_reason(console: Console, content: bytes) -> None:
    answer = await upload(console, content)
    assert answer.status_code in {413, 422}, answer.text[:300]
    assert (await console.get("/provider/bank")).status_code == 200


async def test_texts_of_a_statement_are_texts(console: Console) -> None:
    payer, inn = a_payer()
    path = await loaded(console, a_document("<b>1", payer=payer, inn=inn,
                                            purpose="<script>alert(1)</script> {{ 7*7 }}"))
    page = (await console.get(path)).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page


async def test_support_only_looks(console: Console, other_client: Browser) -> None:
    actor = await a_domain()
    payer, inn = a_payer()
    path = await loaded(console, a_document("1", payer=payer, inn=inn, purpose=f"НЛС {await account(actor)}"))
    support = await a_console(other_client, "support")
    page = (await support.get(path)).text
    assert "1,500.00" in page
    assert "matched payments" not in page
    for tail in ("/import", "/remove"):
        assert (await support.post(path + tail)).status_code == 403
    assert (await upload(support, a_file(a_document()))).status_code == 403
    assert await balance(actor) == 0


async def test_endless_cells_of_a_table_are_cut(console: Console) -> None:
    heading, purpose = "Назначение" * 10_000, "за связь" * 10_000
    answer = await upload(console, f"Дата;Сумма;{heading}\n21.11.2026;15;{purpose}\n".encode(), "t.csv")
    assert answer.status_code == 200
    assert len(answer.text) < 30_000
