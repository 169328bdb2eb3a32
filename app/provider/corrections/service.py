"""Correcting a balance: at once, or as a request that another person decides. Posted exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from app.audit import history
from app.auth.permissions import ROLE_PERMISSIONS, Permission
from app.kernel import letters, parameters
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.provider.corrections.rules import WINDOW, needs_second
from app.settings import settings
from billing.accounts import service as accounts


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """`form_id` is made by the form: sent twice it makes one correction. Negative: a debit."""

    domain_id: int
    amount: Money
    reason: str
    form_id: str


async def must_wait(tx: DomainTx, amount: Money) -> bool:
    """Whether this person may not post it alone. Binding only under the account's lock."""
    rows = await tx.fetch(
        "SELECT amount FROM correction WHERE domain_id = $1 AND author_id = $2 AND state = 'posted' "
        "AND created_at > $3", tx.domain_id, tx.actor.id, tx.now - WINDOW)
    return needs_second(amount.amount, await parameters.get(tx, "correction.limit"), [row["amount"] for row in rows])


async def ask(tx: PlatformTx, new: NewCorrection) -> str:
    """Post the correction, or leave it to another person; its state: `posted` or `pending`.

    Raises:
        NotFound: no such domain.
        Refused: the form was used for another correction.
    """
    _check_person(tx.actor)
    bound = await tx.enter_domain(new.domain_id)
    account = await accounts.lock(bound)  # two halves of one sum cannot both be looked at alone
    if new.amount.currency is not account.currency:
        raise InvalidFields("currency", _("The account is kept in another currency"))
    known = await tx.fetchrow("SELECT domain_id, amount, author_id, state FROM correction WHERE form_id = $1",
                              new.form_id)
    if known is not None:
        if (known["domain_id"], known["amount"], known["author_id"]) != (
                new.domain_id, new.amount.amount, tx.actor.id):
            raise _form_used()
        return known["state"]
    waits = await must_wait(bound, new.amount)
    number = await tx.fetchval(
        "INSERT INTO correction (domain_id, form_id, amount, reason, state, author_id, author_login, author_name, "
        "created_at) VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8) ON CONFLICT (form_id) DO NOTHING RETURNING id",
        new.domain_id, new.form_id, new.amount.amount, new.reason, tx.actor.id, tx.actor.login, tx.actor.name, tx.now)
    if number is None:
        raise _form_used()
    if waits:
        await _tell(tx, "correction_requested", number, new.domain_id, new.amount, new.reason)
        await _write_to_others(tx, new)
        return "pending"
    await _post(bound, number, new.amount, new.reason, "")
    await tx.execute("UPDATE correction SET state = 'posted', posting_id = $2 WHERE id = $1", number,
                     await _posting_id(bound, number))
    return "posted"


async def confirm(tx: PlatformTx, number: int) -> int:
    """The second person says yes; returns the domain.

    Raises:
        NotFound: no such request.
        Refused: it is decided already, or it is one's own.
    """
    row = await _take(tx, number)
    _check_other(tx.actor, row)
    bound = await tx.enter_domain(row["domain_id"])
    await _post(bound, number, _money(row), row["reason"], _person(row["author_login"], row["author_name"]))
    await _decide(tx, number, "confirmed", posting_id=await _posting_id(bound, number))
    await _tell(tx, "correction_confirmed", number, row["domain_id"], _money(row), row["reason"],
                author=_person(row["author_login"], row["author_name"]))
    return row["domain_id"]


async def reject(tx: PlatformTx, number: int, answer: str) -> None:
    """The second person says no. Raises as `confirm`."""
    row = await _take(tx, number)
    _check_other(tx.actor, row)
    await _decide(tx, number, "rejected", answer=answer)
    await _tell(tx, "correction_rejected", number, row["domain_id"], _money(row), answer,
                author=_person(row["author_login"], row["author_name"]))


async def withdraw(tx: PlatformTx, number: int) -> None:
    """The author takes the request back.

    Raises:
        NotFound: no such request.
        Refused: it is decided already, or it is somebody else's.
    """
    row = await _take(tx, number)
    _check_person(tx.actor)
    if row["author_id"] != tx.actor.id:
        raise Refused("not_own", _("Only its author can withdraw a request"))
    await _decide(tx, number, "withdrawn")
    await _tell(tx, "correction_withdrawn", number, row["domain_id"], _money(row), row["reason"])


async def waiting(tx: PlatformTx) -> int:
    """Requests that nobody has decided."""
    return await tx.fetchval("SELECT count(*) FROM correction WHERE state = 'pending'")


async def _take(tx: PlatformTx, number: int):
    """The request, locked: who comes second finds it decided."""
    row = await tx.fetchrow(
        "SELECT c.domain_id, c.amount, c.reason, c.state, c.author_id, c.author_login, c.author_name, a.currency "
        "FROM correction c JOIN account a ON a.domain_id = c.domain_id WHERE c.id = $1 FOR UPDATE OF c", number)
    if row is None:
        raise NotFound("correction", _("There is no such correction"))
    if row["state"] != "pending":
        raise Refused("decided", _("This request is decided already"))
    return row


def _check_person(actor: Actor) -> None:
    """A person of the staff at the console itself, in nobody's place."""
    if actor.kind is not ActorKind.STAFF or actor.domain_id or actor.behalf_id:
        raise Forbidden("staff_only", _("Only the provider's staff may do this"))


def _check_other(actor: Actor, row) -> None:
    _check_person(actor)
    if row["author_id"] == actor.id:
        raise Refused("own", _("Another person must confirm or reject it"))


async def _post(tx: DomainTx, number: int, amount: Money, reason: str, author: str) -> None:
    await accounts.correct(tx, key=_key(number), amount=amount, reason=reason, author=author)


async def _posting_id(tx: DomainTx, number: int) -> int:
    return await tx.fetchval("SELECT id FROM posting WHERE domain_id = $1 AND key = $2", tx.domain_id,
                             f"correction:{_key(number)}")


async def _decide(tx: PlatformTx, number: int, state: str, *, answer: str = "", posting_id: int | None = None) -> None:
    await tx.execute(
        "UPDATE correction SET state = $2, decider_id = $3, decider_login = $4, decider_name = $5, decided_at = $6, "
        "answer = $7, posting_id = $8 WHERE id = $1 AND state = 'pending'", number, state, tx.actor.id,
        tx.actor.login, tx.actor.name, tx.now, answer, posting_id)


async def _tell(tx: PlatformTx, action: str, number: int, domain_id: int, amount: Money, reason: str, *,
                author: str = "") -> None:
    """In the provider's own history: before the money moves it is no matter of the customer."""
    name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", domain_id)
    await history.record(tx, action, "correction", object_id=number, object_name=name, changes={
        "amount": (None, amount.amount), "reason": (None, reason), "author": (None, author or None)})


async def _write_to_others(tx: PlatformTx, new: NewCorrection) -> None:
    """Everybody who may decide and has an address."""
    name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", new.domain_id)
    rows = await tx.fetch("SELECT email, locale FROM staff WHERE is_active AND email <> '' AND id <> $1 "
                          "AND role = ANY($2::text[]) ORDER BY id LIMIT 20", tx.actor.id, _deciders())
    for row in rows:
        await letters.queue(tx, "correction_waits", row["email"], row["locale"] or "ru", domain=name,
                            author=tx.actor.name, amount=new.amount, reason=new.reason,
                            url=f"{settings().public_url}/provider/corrections?state=pending")


def _deciders() -> list[str]:
    return [role for role, granted in ROLE_PERMISSIONS.items() if Permission.PROVIDER_BILLING in granted]


def _form_used() -> Refused:
    return Refused("form_used", _("This form was sent already, with other values"))


def _key(number: int) -> str:
    return f"staff:{number}"


def _person(login: str, name: str) -> str:
    return f"{name} ({login})"


def _money(row) -> Money:
    return Money(row["amount"], Currency(row["currency"]))
