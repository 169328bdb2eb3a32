"""The text format 1CClientBankExchange, in which Russian banks give their statements."""

from __future__ import annotations

import io
from collections.abc import Iterator

from app.kernel.i18n import _
from app.kernel.tabular import NotATable, decoded
from billing.payments.bank.rules import MAX_DOCUMENTS, Document, Parsed, one_line, read_document

MARK = "1CClientBankExchange"
_DOS = "Кодировка=DOS".encode("cp866")

Section = dict[str, str]


def is_exchange(content: bytes) -> bool:
    return content.removeprefix(b"\xef\xbb\xbf").lstrip()[:len(MARK)] == MARK.encode()


def parse(content: bytes) -> Parsed:
    """Incoming documents in the order of the file; wrong ones with what is wrong.

    Raises:
        NotATable: not such a file, or one with too many documents.
    """
    if not is_exchange(content):
        raise NotATable(_("The file is no statement in the format 1CClientBankExchange."))
    own: set[str] = set()
    sections: list[tuple[int, Section, bool]] = []
    for line, section, is_whole in _sections(_text(content), own):
        sections.append((line, section, is_whole))
        if len(sections) > MAX_DOCUMENTS:
            raise NotATable(_("The file has more than %(n)d documents. Split it by days.") % {"n": MAX_DOCUMENTS})
    documents = [_document(line, section, is_whole) for line, section, is_whole in sections
                 if _is_incoming(section, own)]
    return Parsed(documents, len(sections) - len(documents))


def _text(content: bytes) -> str:
    return content.decode("cp866") if _DOS in content[:2_000] else decoded(content)


def _sections(text: str, own: set[str]) -> Iterator[tuple[int, Section, bool]]:
    """(line, fields, whether its end is there) of every document; accounts of the statement's owner go to `own`."""
    begun, section = 0, {}
    for number, raw in enumerate(io.StringIO(text), 1):
        key, _equals, value = raw.strip().partition("=")
        key = key.strip()
        if key == "СекцияДокумент":
            if begun:
                yield begun, section, False
            begun, section = number, {}
        elif key == "КонецДокумента":
            if begun:
                yield begun, section, True
            begun = 0
        elif begun:
            section.setdefault(key, one_line(value))
        elif key == "РасчСчет":
            own.add(value.strip())
    if begun:
        yield begun, section, False


def _first(section: Section, *keys: str) -> str:
    return next((section[key] for key in keys if section.get(key)), "")


def _is_incoming(section: Section, own: set[str]) -> bool:
    """Money that reached one of the owner's accounts from somebody else's."""
    payer, payee = _accounts(section)
    if payer and payer in own:
        return False
    return payee in own if own and payee else bool(section.get("ДатаПоступило"))


def _accounts(section: Section) -> tuple[str, str]:
    return (_first(section, "ПлательщикСчет", "ПлательщикРасчСчет"),
            _first(section, "ПолучательСчет", "ПолучательРасчСчет"))


def _document(line: int, section: Section, is_whole: bool) -> Document:
    found = {"day": section.get("Дата", ""), "number": section.get("Номер", ""), "amount": section.get("Сумма", ""),
             "payer_account": _accounts(section)[0], "payer_inn": _first(section, "ПлательщикИНН"),
             "payer": _first(section, "Плательщик1", "Плательщик"), "purpose": _purpose(section)}
    return read_document(line, found, "" if is_whole else "cut_off")


def _purpose(section: Section) -> str:
    whole = section.get("НазначениеПлатежа", "")
    return whole or " ".join(part for n in range(1, 7) if (part := section.get(f"НазначениеПлатежа{n}", "")))
