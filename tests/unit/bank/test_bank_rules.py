"""Reading statements of the bank, and whose a payment is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.kernel.tabular import NotATable
from billing.payments.bank import exchange, table
from billing.payments.bank.rules import (
    Document,
    Match,
    Payers,
    guess_columns,
    match,
    named_accounts,
    read_amount,
    read_day,
)

pytestmark = pytest.mark.req("FIN-D7")

OURS, THEIRS = "40702810900000000001", "40702810100000000077"
HEAD = f"""1CClientBankExchange
ВерсияФормата=1.03
Кодировка={{encoding}}
РасчСчет={OURS}
СекцияРасчСчет
РасчСчет={OURS}
КонецРасчСчет
"""


def a_document(number: str = "15", day: str = "21.11.2026", amount: str = "1500.00", *, payer: str = THEIRS,
               payee: str = OURS, inn: str = "7701234567", purpose: str = "Оплата услуг связи НЛС 40000012") -> str:
    return (f"СекцияДокумент=Платежное поручение\nНомер={number}\nДата={day}\nСумма={amount}\n"
            f"ПлательщикСчет={payer}\nПлательщик=ИНН {inn} ООО Ромашка\nПлательщик1=ООО Ромашка\n"
            f"ПлательщикИНН={inn}\nПолучательСчет={payee}\nДатаПоступило={day}\nНазначениеПлатежа={purpose}\n"
            "КонецДокумента\n")


def a_file(*documents: str, encoding: str = "cp1251") -> bytes:
    name = {"cp866": "DOS", "utf-8": "UTF-8"}.get(encoding, "Windows")
    return (HEAD.format(encoding=name) + "".join(documents) + "КонецФайла\n").replace("\n", "\r\n").encode(encoding)


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "utf-8", "utf-8-sig"])
def test_a_statement_is_read_in_every_encoding(encoding: str) -> None:
    found = exchange.parse(a_file(a_document(), a_document("16", payer=OURS, payee=THEIRS), encoding=encoding))
    assert found.outgoing == 1
    assert found.documents == [Document(8, "15", date(2026, 11, 21), Decimal("1500.00"), THEIRS, "7701234567",
                                        "ООО Ромашка", "Оплата услуг связи НЛС 40000012")]
    assert found.documents[0].identity == f"bank:20261121:15:{THEIRS}:1500.00"


def test_the_parts_of_a_purpose_are_joined() -> None:
    text = a_document().replace("НазначениеПлатежа=Оплата", "НазначениеПлатежа1=Оплата").replace(
        "КонецДокумента", "НазначениеПлатежа2=без НДС\nКонецДокумента")
    assert exchange.parse(a_file(text)).documents[0].purpose == "Оплата услуг связи НЛС 40000012 без НДС"


@pytest.mark.parametrize("amount", ["0", "0.00", "-5", "1.001", "NaN", "1e5", "", "сто", "9" * 20, "1.5.5", "٥٠"])
def test_amounts_that_are_none_are_named(amount: str) -> None:
    found = exchange.parse(a_file(a_document(amount=amount), encoding="utf-8")).documents[0]
    assert found.error == "no_amount"
    assert found.identity == ""


@pytest.mark.parametrize(("text", "amount"), [
    ("1500.00", "1500.00"), ("1 500,5", "1500.5"), ("1\u00a0500,50", "1500.50"), ("1,500.00", "1500.00"),
    ("1.500,00", "1500.00"), ("1500-00", "1500.00"), ("0.01", "0.01")])
def test_amounts_as_banks_write_them(text: str, amount: str) -> None:
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize(("text", "day"), [
    ("21.11.2026", date(2026, 11, 21)), ("2026-11-21 10:00", date(2026, 11, 21)), ("1.2.26", date(2026, 2, 1)),
    ("31.02.2026", None), ("21.11.1999", None), ("", None), ("21.11.20266", None), ("99/99/9999", None)])
def test_days(text: str, day: date | None) -> None:
    assert read_day(text) == day


def test_hostile_files() -> None:
    for content in (b"", b"PK\x03\x04", b"1C", "СекцияДокумент=x".encode(), b"\xff" * 100):
        with pytest.raises(NotATable):
            exchange.parse(content)
    with pytest.raises(NotATable):
        exchange.parse(a_file()[:60] + b"\0\0")
    with pytest.raises(NotATable, match="5000 documents"):
        exchange.parse(a_file(*(a_document(str(n)) for n in range(5001))))
    cut = exchange.parse(a_file(a_document(), a_document("16"))[:-60])
    assert [one.error for one in cut.documents] == ["", "cut_off"]
    long = exchange.parse(a_file(a_document(purpose="x" * 100_000, number="9" * 500)))
    assert (len(long.documents[0].purpose), len(long.documents[0].number)) == (500, 20)
    nothing = exchange.parse(a_file(*("СекцияДокумент=\n" * 10)))
    assert nothing.documents == []
    assert exchange.parse(a_file(a_document(purpose="a\x07b\u202ec"), encoding="utf-8")).documents[0].purpose == "a b c"


@pytest.mark.parametrize(("purpose", "marked", "others"), [
    ("Оплата НЛС 40000012", ["40000012"], []), ("по л/с № 40000012 от 2026", ["40000012"], []),
    ("Лицевой счет: 40000012, договор 123456", ["40000012"], ["123456"]), ("лиц.счёт N 40000012", ["40000012"], []),
    ("Оплата 40000012 без НДС", [], ["40000012"]), ("account no 40000012", ["40000012"], []),
    ("плс 40000012", [], ["40000012"]), ("сч. 5 от 21.11.2026", [], [])])
def test_accounts_in_a_text(purpose: str, marked: list[str], others: list[str]) -> None:
    assert named_accounts(purpose) == (marked, others)


ACCOUNTS = {"40000012": 12, "40000013": 13}
KNOWN = Payers({(THEIRS, "7701234567"): frozenset({12})}, {"7701234567": frozenset({12}), "5": frozenset({1, 2})})


@pytest.mark.parametrize(("purpose", "payer", "found"), [
    ("НЛС 40000012", "x", Match("matched", 12, "account")),
    ("НЛС 40000012, договор 40000013", "x", Match("matched", 12, "account")),
    ("НЛС 40000012 и НЛС 40000013", "x", Match("ambiguous", note="several_accounts")),
    ("40000012 40000013", "x", Match("ambiguous", note="several_accounts")),
    ("за связь", THEIRS, Match("matched", 12, "payer")),
    ("НЛС 40000013", THEIRS, Match("matched", 13, "account")),
    ("НЛС 49999999", THEIRS, Match("ambiguous", note="no_account")),
    ("НЛС 49999999", "x", Match("unknown", note="no_account")),
    ("за связь", "x", Match("unknown")),
    ("за связь", "30232810000000000001", Match("unknown")),
    ("за связь", "40702810100000000078", Match("matched", 12, "payer"))])
def test_whose_a_payment_is(purpose: str, payer: str, found: Match) -> None:
    document = Document(1, payer_account=payer, payer_inn="7701234567", purpose=purpose)
    assert match(document, ACCOUNTS, KNOWN) == found


def test_a_payer_of_several_is_left_to_a_person() -> None:
    document = Document(1, payer_account=THEIRS, payer_inn="5", purpose="за связь")
    assert match(document, {}, KNOWN) == Match("ambiguous", note="several_payers")


def test_columns_of_a_table_are_guessed() -> None:
    rows = [["Выписка по счёту"], [], ["Дата", "№ документа", "Дебет", "Кредит", "Контрагент", "ИНН контрагента",
                                       "Счёт контрагента", "Назначение платежа"],
            ["21.11.2026", "15", "", "1 500,00", "ООО Ромашка", "7701234567", THEIRS, "НЛС 40000012"],
            ["21.11.2026", "16", "10,00", "", "Банк", "", "", "Комиссия"],
            ["21.11.2026", "17", "", "abc", "?", "", "", ""]]
    heading, columns = guess_columns(rows)
    assert (heading, columns) == (2, {"day": 0, "number": 1, "amount": 3, "payer_inn": 5, "payer_account": 6,
                                      "payer": 4, "purpose": 7})
    found = table.parse(rows, 3, columns)
    assert found.outgoing == 1
    assert found.documents[0].identity == f"bank:20261121:15:{THEIRS}:1500.00"
    assert found.documents[1].error == "no_amount"
    assert guess_columns([["1", "2"], ["3"]]) == (-1, {})
