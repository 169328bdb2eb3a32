"""Keeping a statement, finding whose its payments are, posting them once.

A line is claimed by its row lock and posted by `record_payment` under the document's identity: the same file
twice, overlapping files and two clerks at once make one payment of one document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.errors import AppError, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts import service as accounts
from billing.accounts.state import lock_many
from billing.payments.bank.rules import Document, Match, Parsed, Payers, match, wanted_numbers

AT_ONCE = 100  # lines of one transaction
_AROUND = (timedelta(days=3), timedelta(days=10))  # a payment entered by hand so near may be this document
_OPEN = ("matched", "ambiguous", "unknown", "ignored")
_INSERT = """
INSERT INTO bank_line (statement_id, line, external_id, number, day, amount, payer_account, payer_inn, payer, purpose,
    state, how, note, domain_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"""


async def keep(tx: PlatformTx, file_name: str, form: str, parsed: Parsed) -> int:
    """Store a statement with what is known of its payments; nothing is posted."""
    number = await tx.fetchval(
        "INSERT INTO bank_statement (file_name, format, loaded_at, loaded_by, outgoing) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", file_name, form, tx.now, tx.actor.name, parsed.outgoing)
    matches = await _matched(tx, parsed.documents)
    await tx.executemany(_INSERT, [
        (number, one.line, one.identity, one.number, one.day, one.amount, one.payer_account, one.payer_inn, one.payer,
         one.purpose, found.state, found.how, found.note, found.domain_id)
        for one, found in zip(parsed.documents, matches, strict=True)])
    await history.record(tx, "bank_statement_loaded", "bank_statement", object_id=number, object_name=file_name,
                         changes={"documents": (None, len(parsed.documents))})
    return number


async def _matched(tx: PlatformTx, documents: Sequence[Document]) -> list[Match]:
    readable = [one for one in documents if not one.error]
    rows = await tx.fetch("SELECT number, domain_id FROM account WHERE number = ANY($1::text[])",
                          list(wanted_numbers(readable)))
    known_accounts = {row["number"]: row["domain_id"] for row in rows}
    payers, posted = await _payers(tx, readable), await _posted(tx, readable)
    found: list[Match] = []
    seen: set[str] = set()
    for one in documents:
        if one.error:
            found.append(Match("wrong", note=one.error))
        elif one.identity in posted:
            found.append(Match("known", posted[one.identity]))
        elif one.identity in seen:
            found.append(Match("known", note="twice"))
        else:
            found.append(match(one, known_accounts, payers))
            seen.add(one.identity)
    return await _without_entered(tx, documents, found)


async def _posted(tx: PlatformTx, documents: Sequence[Document]) -> dict[str, int]:
    rows = await tx.fetch("SELECT external_id, domain_id FROM payment WHERE external_id = ANY($1::text[])",
                          [one.identity for one in documents])
    return {row["external_id"]: row["domain_id"] for row in rows}


async def _payers(tx: PlatformTx, documents: Sequence[Document]) -> Payers:
    rows = await tx.fetch(
        "SELECT account, inn, domain_id FROM bank_payer WHERE account = ANY($1::text[]) OR inn = ANY($2::text[])",
        list({one.payer_account for one in documents}), list({one.payer_inn for one in documents if one.payer_inn}))
    by_account: dict[tuple[str, str], frozenset[int]] = {}
    by_inn: dict[str, frozenset[int]] = {}
    for row in rows:
        key = row["account"], row["inn"]
        by_account[key] = by_account.get(key, frozenset()) | {row["domain_id"]}
        if row["inn"]:
            by_inn[row["inn"]] = by_inn.get(row["inn"], frozenset()) | {row["domain_id"]}
    return Payers(by_account, by_inn)


async def _without_entered(tx: PlatformTx, documents: Sequence[Document], found: list[Match]) -> list[Match]:
    """A payment of the same sum that was entered by hand in those days is probably this one: a person decides."""
    certain = [at for at, one in enumerate(found) if one.state == "matched"]
    rows = await tx.fetch(
        "SELECT DISTINCT place FROM unnest($1::int[], $2::bigint[], $3::numeric[], $4::date[]) "
        "AS one (place, domain_id, amount, day) JOIN payment p ON p.domain_id = one.domain_id "
        "AND p.amount = one.amount AND p.kind = 'bank' AND p.external_id NOT LIKE 'bank:%' "
        "AND p.at BETWEEN one.day - $5::interval AND one.day + $6::interval",
        certain, [found[at].domain_id for at in certain], [documents[at].amount for at in certain],
        [documents[at].day for at in certain], *_AROUND)
    for row in rows:
        one = found[row["place"]]
        found[row["place"]] = Match("ambiguous", one.domain_id, one.how, "entered")
    return found


async def assign(tx: PlatformTx, line_id: int, domain_id: int) -> int:
    """A person says whose payment it is; returns the statement.

    Raises:
        NotFound: no such line or domain.
        Refused: it is posted, or cannot be read.
    """
    statement_id = await _open_line(tx, line_id)
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM account WHERE domain_id = $1)", domain_id):
        raise NotFound("domain", _("There is no such domain"))
    await tx.execute("UPDATE bank_line SET state = 'matched', how = 'hand', note = '', domain_id = $2 WHERE id = $1",
                     line_id, domain_id)
    return statement_id


async def leave_out(tx: PlatformTx, line_id: int) -> int:
    """It is no customer's payment. Raises as `assign`."""
    statement_id = await _open_line(tx, line_id)
    await tx.execute("UPDATE bank_line SET state = 'ignored', how = '', note = '', domain_id = NULL WHERE id = $1",
                     line_id)
    return statement_id


async def _open_line(tx: PlatformTx, line_id: int) -> int:
    row = await tx.fetchrow("SELECT statement_id, state FROM bank_line WHERE id = $1 FOR UPDATE", line_id)
    if row is None:
        raise NotFound("bank_line", _("There is no such payment"))
    if row["state"] not in _OPEN:
        raise Refused("settled", _("This payment is posted already or cannot be read"))
    return row["statement_id"]


async def remove(tx: PlatformTx, statement_id: int) -> None:
    """A file that was chosen by mistake.

    Raises:
        NotFound: no such statement.
        Refused: payments of it are posted.
    """
    name = await tx.fetchval("SELECT file_name FROM bank_statement WHERE id = $1 FOR UPDATE", statement_id)
    if name is None:
        raise NotFound("bank_statement", _("There is no such statement"))
    if await tx.fetchval("SELECT EXISTS (SELECT FROM bank_line WHERE statement_id = $1 AND state = 'posted')",
                         statement_id):
        raise Refused("posted", _("Payments of this statement are posted: it stays"))
    await tx.execute("DELETE FROM bank_statement WHERE id = $1", statement_id)
    await history.record(tx, "bank_statement_removed", "bank_statement", object_id=statement_id, object_name=name)


@dataclass(frozen=True, slots=True)
class Progress:
    """`posted` by this call; `left` still matched and not posted."""

    posted: int
    left: int


async def post_some(tx: PlatformTx, statement_id: int, source: str) -> Progress:
    """Post up to AT_ONCE matched payments; the caller comes again while some are left. Lines that somebody else is
    posting at this moment are left to them."""
    await tx.execute("SELECT FROM bank_statement WHERE id = $1 FOR KEY SHARE", statement_id)  # it is not removed now
    lines = await tx.fetch(
        "SELECT l.id, l.domain_id, l.external_id, l.amount, l.payer_account, l.payer_inn, l.payer, l.purpose, "
        "l.day, l.number FROM bank_line l WHERE l.statement_id = $1 AND l.state = 'matched' "
        "ORDER BY l.domain_id, l.id LIMIT $2 FOR UPDATE SKIP LOCKED", statement_id, AT_ONCE)
    await lock_many(tx, {line["domain_id"] for line in lines})
    posted = 0
    for line in lines:
        posted += await _post(tx, line, source)
    await _remember(tx, lines)
    left = await tx.fetchval("SELECT count(*) FROM bank_line WHERE statement_id = $1 AND state = 'matched'",
                             statement_id)
    return Progress(posted, left)


async def _post(tx: PlatformTx, line, source: str) -> bool:
    state, note = "known", ""
    try:
        async with tx.savepoint():
            if await accounts.record_payment(
                    await tx.enter_domain(line["domain_id"]), external_id=line["external_id"],
                    amount=Money(line["amount"], Currency.RUB), source=source, description=_described(line)):
                state = "posted"
    except AppError as refused:  # another payment has this identity: the others go on
        state, note = "wrong", refused.message
    await tx.execute("UPDATE bank_line SET state = $2, note = $3 WHERE id = $1", line["id"], state, note)
    return state == "posted"


def _described(line) -> str:
    """As the customer reads it in the payment history [FIN-51]."""
    return (line["purpose"] or _("Document %(number)s of %(day)s") % {
        "number": line["number"], "day": f"{line['day']:%d.%m.%Y}"})[:500]


async def _remember(tx: PlatformTx, lines) -> None:
    """Whom this payer pays for, for the next statement."""
    own = [line for line in lines
           if Document(0, payer_account=line["payer_account"]).is_payers_own]
    if own:
        await tx.execute(
            "INSERT INTO bank_payer (account, inn, domain_id, paid_at) SELECT DISTINCT one.*, $4::timestamptz "
            "FROM unnest($1::text[], $2::text[], $3::bigint[]) one ON CONFLICT (account, inn, domain_id) "
            "DO UPDATE SET paid_at = EXCLUDED.paid_at", [line["payer_account"] for line in own],
            [line["payer_inn"] for line in own], [line["domain_id"] for line in own], tx.now)
