"""Documents of a bank statement: what identifies one, and whose payment it is; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

MAX_DOCUMENTS = 5_000
MAX_BYTES = 10 * 1024 * 1024
LONGEST = 1_000  # characters of one value
_MARKED = re.compile(r"(?:\bнлс\b|\bл\s?/\s?с\b|\bлс\b|\bлиц\w*\.?\s*сч\w*|\baccount\b)"
                     r"\W{0,5}(?:(?:no|n)\b\.?\s*)?([0-9]{4,20})(?![0-9])", re.IGNORECASE)
_LONG = re.compile(r"(?<![0-9])[0-9]{6,20}(?![0-9])")
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
_DAY = re.compile(r"(?:(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})"
                  r"|(?P<day>[0-9]{1,2})[./](?P<month>[0-9]{1,2})[./](?P<year>[0-9]{4}|[0-9]{2}))(?![0-9])")
_OWN_ACCOUNT = re.compile(r"40[5678][0-9]{17}")  # of companies and people; others are a bank's, which passes money on


@dataclass(frozen=True, slots=True)
class Document:
    """One incoming payment of a statement; `line` is where it begins. With an `error`
    (cut_off, no_day, no_amount) the rest may be missing."""

    line: int
    number: str = ""
    day: date | None = None
    amount: Decimal | None = None
    payer_account: str = ""
    payer_inn: str = ""
    payer: str = ""
    purpose: str = ""
    error: str = ""

    @property
    def identity(self) -> str:
        """Date, number, payer's account and amount: the same document in two files is one payment."""
        if self.error or self.day is None or self.amount is None:
            return ""
        payer = self.payer_account or self.payer_inn or _digest(self.payer, self.purpose)
        return f"bank:{self.day:%Y%m%d}:{self.number}:{payer}:{self.amount:.2f}"

    @property
    def is_payers_own(self) -> bool:
        """The account tells who paid: it is not a bank's through which anybody's money comes."""
        return _OWN_ACCOUNT.fullmatch(self.payer_account) is not None and not self.payer_account.startswith("40911")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file holds; `outgoing` counts the documents that are no income."""

    documents: list[Document] = field(default_factory=list)
    outgoing: int = 0


def read_amount(text: str) -> Decimal | None:
    """`1500.00`, `1 500,00`, `1,500.00`, `1500-00`; None for everything else, zero and negative sums too."""
    plain = re.sub(r"[\s\u00a0\u202f']", "", text)
    if "," in plain and "." in plain:
        plain = plain.replace("," if plain.rindex(".") > plain.rindex(",") else ".", "")
    plain = re.sub(r"[,\-](?=\d{1,2}$)", ".", plain) if not plain.startswith("-") else plain
    if not plain.isascii() or not _AMOUNT.fullmatch(plain):
        return None
    amount = Decimal(plain)
    return amount if amount > 0 else None


def read_day(text: str) -> date | None:
    """`21.11.2026`, `21/11/26` or `2026-11-21`; what follows is a time."""
    found = _DAY.match(text.strip())
    if not found:
        return None
    year, month, day = (found["iso"].split("-") if found["iso"]
                        else (found["year"].rjust(4, "0"), found["month"], found["day"]))
    year = f"20{year[2:]}" if year.startswith("00") else year
    try:
        made = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return made if 2000 <= made.year <= 2100 else None


def one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text[:LONGEST]).split())


def read_document(line: int, found: Mapping[str, str], error: str = "") -> Document:
    """From texts by the names of FIELDS."""
    day, amount = read_day(found["day"]), read_amount(found["amount"])
    if not error and (day is None or amount is None):
        error = "no_day" if day is None else "no_amount"
    inn = found.get("payer_inn", "")
    return Document(
        line, found.get("number", "")[:20], day, amount, found.get("payer_account", "")[:34],
        inn[:12] if inn.isascii() and inn.isdigit() and inn.strip("0") else "",
        found.get("payer", "")[:200], found.get("purpose", "")[:500], error)


# --- whose payment it is ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """`state`: matched, ambiguous or unknown; `how`: account (named in the text) or payer (known from before)."""

    state: str
    domain_id: int | None = None
    how: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Payers:
    """Domains that a payer has paid for, by account and by INN."""

    by_account: Mapping[tuple[str, str], frozenset[int]]  # account, INN
    by_inn: Mapping[str, frozenset[int]]

    def of(self, document: Document) -> frozenset[int]:
        if not document.is_payers_own:
            return frozenset()
        exact = self.by_account.get((document.payer_account, document.payer_inn))
        return exact or (self.by_inn.get(document.payer_inn, frozenset()) if document.payer_inn else frozenset())


def named_accounts(purpose: str) -> tuple[list[str], list[str]]:
    """Numbers that the text calls an account, and other long numbers in it, which may be one."""
    marked = [found[1] for found in _MARKED.finditer(purpose)]
    return marked, [found for found in _LONG.findall(purpose) if found not in marked]


def wanted_numbers(documents: Iterable[Document]) -> set[str]:
    """Every number that may be an account's."""
    return {number for one in documents for part in named_accounts(one.purpose) for number in part}


def match(document: Document, accounts: Mapping[str, int], payers: Payers) -> Match:
    """The text wins over the memory: people pay for others. What contradicts itself is left to a person.

    Args:
        accounts: number of an account → domain.
    """
    marked, others = named_accounts(document.purpose)
    called = {accounts[number] for number in marked if number in accounts}
    found = called or {accounts[number] for number in others if number in accounts}
    if len(found) == 1:
        return Match("matched", found.pop(), "account")
    if found:
        return Match("ambiguous", note="several_accounts")
    remembered = payers.of(document)
    if marked:  # the text names an account that nobody has
        return Match("ambiguous" if remembered else "unknown", note="no_account")
    if len(remembered) == 1:
        return Match("matched", next(iter(remembered)), "payer")
    return Match("ambiguous", note="several_payers") if remembered else Match("unknown")


# --- tables ----------------------------------------------------------------------------------------------

FIELDS = ("day", "number", "amount", "payer", "payer_inn", "payer_account", "purpose")
NEEDED = ("day", "amount", "purpose")
_HEADINGS: Mapping[str, tuple[str, ...]] = {  # the first word that fits wins, so that "credit" comes before "sum"
    "day": ("дата документа", "дата операции", "дата", "date"),
    "number": ("номер документа", "номер", "№", "number", "no"),
    "amount": ("сумма по кредиту", "кредит", "приход", "поступ", "credit", "сумма", "amount", "sum"),
    "payer_inn": ("инн плательщика", "инн контрагента", "инн", "tax id", "inn"),
    "payer_account": ("счет плательщика", "счет контрагента", "расчетный счет", "р/с", "счет", "account"),
    "payer": ("плательщик", "контрагент", "наименование", "payer", "name"),
    "purpose": ("назначение", "основание", "purpose", "details", "description"),
}


def guess_columns(rows: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """(index of the heading row, field → column) as far as the headings say; row −1: there is no heading."""
    best: tuple[int, dict[str, int]] = (-1, {})
    for index, cells in enumerate(rows[:20]):
        found = _guess([cell.casefold().replace("ё", "е") for cell in cells])
        if len(found) > max(len(best[1]), 1):
            best = (index, found)
    return best


def _guess(headings: Sequence[str]) -> dict[str, int]:
    taken: dict[str, int] = {}
    for name, words in _HEADINGS.items():
        for word in words:
            place = next((at for at, text in enumerate(headings) if word in text and at not in taken.values()), None)
            if place is not None:
                taken[name] = place
                break
    return taken
