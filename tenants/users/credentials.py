"""One password for cabinet, phone and softphone [USR-28, USR-56, ACC-31…35].

The web hash and the digest of the phone are made and changed together. The plain password exists only
here and in the letter that the administrator asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.audit import history
from app.auth import hashing
from app.auth.passwords import check_password_rule, sip_ha1
from app.kernel import letters, outbox, parameters, provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.settings import settings
from tenants.users.rules import NewUser


@dataclass(frozen=True, slots=True)
class Secrets:
    """The two stored forms of one password."""

    password_hash: str = field(repr=False)
    sip_ha1: str = field(repr=False)


async def make(tx: DomainTx, password: str, *, login: str, domain: str, extension: str) -> Secrets:
    """Both forms of a new password. Takes some 50 ms of a core, in a thread.

    Raises:
        InvalidFields: it breaks the rule; the reason is under `password`.
    """
    check_password_rule(password, login=login, extension=extension,
                        minimum=await parameters.get(tx, "auth.password_min_length"))
    return Secrets(await hashing.make_hash(password), sip_ha1(login, domain, password))


async def set_password(tx: DomainTx, user_id: int, password: str, *, keep_session: str = "") -> None:
    """A new password, in force for cabinet and phones; other sessions of the user end [USR-56, ACC-34].

    Args:
        keep_session: id of the session that stays signed in (one's own).

    Raises:
        InvalidFields: it breaks the rule or is the old one.
    """
    await _replace(tx, user_id, await _known(tx, user_id), password, keep_session)


async def change_own_password(tx: DomainTx, user_id: int, *, current: str, password: str,
                              keep_session: str = "") -> None:
    """The same by the user, who proves to know the current one [ACC-32, ACC-33].

    Raises:
        InvalidFields: the current password is wrong, or the new one breaks the rule or is the old one.
    """
    row = await _known(tx, user_id)
    if not await hashing.verify(row["password_hash"], current):
        raise InvalidFields("wrong_password", _("The current password is wrong."),
                            fields={"current": _("The current password is wrong.")})
    await _replace(tx, user_id, row, password, keep_session)


async def _replace(tx: DomainTx, user_id: int, row, password: str, keep_session: str) -> None:
    secrets = await make(tx, password, login=row["login"], domain=row["domain"], extension=row["extension"])
    if secrets.sip_ha1 == row["sip_ha1"]:  # the digest tells it without another slow hash
        raise InvalidFields("same_password", _("The new password must differ from the old one."),
                            fields={"password": _("The new password must differ from the old one.")})
    await tx.execute("UPDATE domain_user SET password_hash = $3, sip_ha1 = $4 WHERE domain_id = $1 AND id = $2",
                     tx.domain_id, user_id, secrets.password_hash, secrets.sip_ha1)
    await history.record(tx, "password_changed", "user", object_id=user_id, object_name=row["display_name"],
                         changes={"password": ("old", "new")})
    await provisioning.want_new_generation(tx, f"password_changed {row['login']}")
    await outbox.publish(tx, "password_changed", {"user_id": user_id, "keep_session": keep_session})


async def _known(tx: DomainTx, user_id: int):
    row = await tx.fetchrow(
        "SELECT u.login, u.extension, u.display_name, u.password_hash, u.sip_ha1, d.name AS domain "
        "FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 AND u.id = $2",
        tx.domain_id, user_id)
    if row is None:
        raise NotFound("user", _("There is no such user"))
    return row


async def send(tx: DomainTx, domain: str, new: NewUser, locale: str) -> None:
    """The letter with the access data, in the domain's language [USR-33, ACC-10]."""
    await letters.queue(tx, "credentials", new.email, locale, name=new.display_name, domain=domain, login=new.login,
                        password=new.password, url=f"{settings().public_url}/sign-in")
