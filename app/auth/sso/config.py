"""A domain's single sign-on as it is kept, and the changes of it."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import UniqueViolationError

from app.audit import history
from app.auth import accounts
from app.auth.accounts import Account
from app.auth.sealing import seal, unseal
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _

EMAIL, SUBJECT = "email", "subject"
OBJECT = "single_sign_on"


@dataclass(frozen=True, slots=True)
class Config:
    """What the page shows; the secret is not among it. `is_required`: plain users sign in by it only."""

    is_enabled: bool
    issuer: str
    client_id: str
    match_by: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class Linked:
    user_id: int
    name: str
    subject: str


NONE = Config(False, "", "", EMAIL, False)
_COLUMNS = "is_enabled, issuer, client_id, match_by, is_required"


def _place(tx: DomainTx) -> str:
    return f"domain_sso:{tx.domain_id}"


async def read(tx: DomainTx) -> Config:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM domain_sso WHERE domain_id = $1", tx.domain_id)
    return Config(**row) if row else NONE


async def secret(tx: DomainTx) -> str:
    """For the provider's token endpoint; goes nowhere else."""
    return unseal(await tx.fetchval("SELECT client_secret FROM domain_sso WHERE domain_id = $1", tx.domain_id),
                  _place(tx))


async def write(tx: DomainTx, wanted: Config, client_secret: str) -> None:
    """An empty secret keeps the old one, as long as it would go to the same issuer.

    Raises:
        InvalidFields: there is no secret to keep.
    """
    await tx.execute("SELECT 1 FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    before = await read(tx)
    moved = wanted.issuer != before.issuer
    if moved and not client_secret:
        text = _("Enter the client secret: it belongs to this issuer.")
        raise InvalidFields("secret_missing", text, fields={"client_secret": text})
    sealed = seal(client_secret, _place(tx)) if client_secret else None
    values = (wanted.is_enabled, wanted.issuer, wanted.client_id, wanted.match_by, wanted.is_required, sealed)
    done = await tx.execute(
        "UPDATE domain_sso SET is_enabled = $2, issuer = $3, client_id = $4, match_by = $5, is_required = $6, "
        "client_secret = coalesce($7, client_secret) WHERE domain_id = $1", tx.domain_id, *values)
    if done == "UPDATE 0":
        await tx.execute(f"INSERT INTO domain_sso (domain_id, {_COLUMNS}, client_secret) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7)", tx.domain_id, *values)
    if moved:
        await tx.execute("DELETE FROM sso_subject WHERE domain_id = $1", tx.domain_id)
    changes: dict[str, history.Change] = {
        name: (getattr(before, name), getattr(wanted, name)) for name in Config.__slots__}
    if client_secret:
        changes["client_secret"] = ("", "changed")  # the history masks it
    await history.record(tx, "single_sign_on_changed", OBJECT, object_name=wanted.issuer, changes=changes)


async def linked(tx: DomainTx) -> list[Linked]:
    rows = await tx.fetch("SELECT s.user_id, u.display_name AS name, s.subject FROM sso_subject s "
                          "JOIN domain_user u ON u.domain_id = s.domain_id AND u.id = s.user_id "
                          "WHERE s.domain_id = $1 ORDER BY lower(u.display_name), u.id", tx.domain_id)
    return [Linked(**row) for row in rows]


async def link(tx: DomainTx, login: str, subject: str) -> None:
    """The user of that login is `subject` at the provider.

    Raises:
        InvalidFields: no such user, or the subject is somebody else.
    """
    account = await accounts.user_by_login(tx, accounts.usable_login(login))
    if account is None:
        text = _("There is no user with this login")
        raise InvalidFields("no_user", text, fields={"login": text})
    before = await tx.fetchval("SELECT subject FROM sso_subject WHERE domain_id = $1 AND user_id = $2",
                               tx.domain_id, account.person.id)
    try:
        async with tx.savepoint():
            await tx.execute("INSERT INTO sso_subject (domain_id, user_id, subject) VALUES ($1, $2, $3) "
                             "ON CONFLICT (domain_id, user_id) DO UPDATE SET subject = EXCLUDED.subject",
                             tx.domain_id, account.person.id, subject)
    except UniqueViolationError:
        text = _("Another user has this identifier")
        raise InvalidFields("taken", text, fields={"subject": text}) from None
    await history.record(tx, "single_sign_on_linked", "user", object_id=account.person.id,
                         object_name=account.person.name, changes={"subject": (before or "", subject)})


async def unlink(tx: DomainTx, user_id: int) -> None:
    account = await accounts.user_by_id(tx, user_id)
    old = await tx.fetchval("DELETE FROM sso_subject WHERE domain_id = $1 AND user_id = $2 RETURNING subject",
                            tx.domain_id, user_id)
    if account is None or old is None:
        raise NotFound("user", _("There is no such user"))
    await history.record(tx, "single_sign_on_unlinked", "user", object_id=user_id, object_name=account.person.name,
                         changes={"subject": (old, "")})


async def by_subject(tx: DomainTx, subject: str) -> Account | None:
    user_id = await tx.fetchval("SELECT user_id FROM sso_subject WHERE domain_id = $1 AND subject = $2",
                                tx.domain_id, subject)
    return await accounts.user_by_id(tx, user_id) if user_id else None


async def by_email(tx: DomainTx, email: str) -> Account | None:
    """Only if it is exactly one person's: a shared mailbox proves nobody."""
    if not email:
        return None
    rows = await tx.fetch("SELECT id FROM domain_user WHERE domain_id = $1 AND lower(email) = lower($2) LIMIT 2",
                          tx.domain_id, email)
    return await accounts.user_by_id(tx, rows[0]["id"]) if len(rows) == 1 else None
