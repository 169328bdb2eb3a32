"""Looking people up by what they type into a sign-in form, before anybody is signed in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asyncpg import Record

from app.auth.sessions import Person
from app.auth.shells import DOMAIN, POOL, PROVIDER, Shell
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, domain_transaction, public_transaction

_LOGIN = re.compile(r"[a-z0-9._-]{1,64}", re.ASCII)
_DOMAIN_NAME = re.compile(r"[a-z0-9.-]{1,253}", re.ASCII)

_USER = ("SELECT u.id, u.login, u.display_name, u.password_hash, u.is_admin, u.is_operator, u.locale, u.email, "
         "u.extension, d.name AS domain_name, d.company_name, d.timezone, d.locale AS domain_locale, "
         "NOT u.is_admin AND EXISTS (SELECT FROM domain_sso s WHERE s.domain_id = d.id AND s.is_enabled "
         "AND s.is_required) AS is_sso_only "
         "FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 AND ")


@dataclass(frozen=True, slots=True)
class Account:
    """A person with the hash to check the password against."""

    person: Person
    password_hash: str
    is_active: bool = True
    email: str = ""
    extension: str = ""
    domain_locale: str = ""
    is_sso_only: bool = False  # the password opens the phone, not the cabinet

    @property
    def is_administrator(self) -> bool:
        """Whose sign-ins go into the history [ACC-D6]."""
        return self.person.role != "user"

    def actor(self, ip: str, request_id: str) -> Actor:
        person = self.person
        return Actor(person.kind, person.id, person.login, person.name, person.domain_id, person.pool_id, ip,
                     request_id)


def normalised(text: str) -> str:
    """Logins and domains are compared without case and outer blanks [ACC-D4]."""
    return text.strip().lower()


def usable_login(text: str) -> str:
    """Normalised; "" (which nobody has) for what cannot be a login, so that the database need not refuse it."""
    login = normalised(text)
    return login if _LOGIN.fullmatch(login) else ""


def usable_domain(text: str) -> str:
    name = normalised(text)
    return name if _DOMAIN_NAME.fullmatch(name) else ""


async def find(shell: Shell, login: str, domain: str = "") -> Account | None:
    """The account in whatever state; None when there is none.

    Takes the same steps for an unknown name as for a known one.
    """
    login = usable_login(login)
    if shell is DOMAIN:
        return await _find_user(login, usable_domain(domain))
    return await (_find_staff(login) if shell is PROVIDER else _find_pool_admin(login))


async def _find_user(login: str, domain: str) -> Account | None:
    domain_id = await find_domain(domain)
    if domain_id is None:
        async with public_transaction() as tx:  # as long as the look-up in a domain would take
            await tx.fetchval("SELECT find_domain('')")
        return None
    async with domain_transaction(Actor.system(domain_id, "sign-in")) as tx:
        return await user_by_login(tx, login)


async def find_domain(name: str) -> int | None:
    async with public_transaction() as tx:
        return await tx.fetchval("SELECT find_domain($1)", name)


async def user_by_login(tx: DomainTx, login: str) -> Account | None:
    return _user_account(await tx.fetchrow(_USER + "u.login = $2", tx.domain_id, login), tx.domain_id)


async def user_by_id(tx: DomainTx, user_id: int, *, lock: bool = False) -> Account | None:
    sql = _USER + "u.id = $2" + (" FOR UPDATE OF u" if lock else "")
    return _user_account(await tx.fetchrow(sql, tx.domain_id, user_id), tx.domain_id)


def _user_account(row: Record | None, domain_id: int) -> Account | None:
    if row is None:
        return None
    person = Person(ActorKind.DOMAIN_USER, row["id"], row["login"], row["display_name"],
                    "domain_admin" if row["is_admin"] else "user", domain_id, 0, row["locale"],
                    row["domain_name"], row["company_name"], row["timezone"], is_operator=row["is_operator"])
    return Account(person, row["password_hash"], True, row["email"], row["extension"], row["domain_locale"],
                   row["is_sso_only"])


async def _find_staff(login: str) -> Account | None:
    async with public_transaction() as tx:
        row = await tx.fetchrow("SELECT * FROM find_staff($1)", login)
    if row is None:
        return None
    person = Person(PROVIDER.kind, row["id"], row["login"], row["display_name"], row["role"], locale=row["locale"])
    return Account(person, row["password_hash"], row["is_active"])


async def _find_pool_admin(login: str) -> Account | None:
    async with public_transaction() as tx:
        row = await tx.fetchrow("SELECT * FROM find_pool_admin($1)", login)
    if row is None:
        return None
    person = Person(POOL.kind, row["id"], row["login"], row["display_name"], row["role"], pool_id=row["pool_id"],
                    locale=row["locale"])
    return Account(person, row["password_hash"], row["is_active"])
