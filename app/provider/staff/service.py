"""The provider's people: create, change, lock, new password. The last active administrator always stays.

After the commit the caller ends the person's sessions (`end_sessions`); an event makes sure of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from asyncpg import UniqueViolationError

from app.audit import history
from app.auth import hashing, jump, sessions
from app.auth.factor import service as factor
from app.auth.passwords import check_password_rule
from app.kernel import letters, outbox, parameters
from app.kernel.actors import ActorKind
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _, language
from app.settings import settings

Role = Literal["administrator", "billing", "support"]
ADMINISTRATOR: Role = "administrator"
_LOGIN = re.compile(r"[a-z0-9._-]{3,64}", re.ASCII)
SLACK_SECONDS = 1.0  # until the commit the old rights still worked


@dataclass(frozen=True, slots=True)
class Member:
    """One of the staff."""

    id: int
    login: str
    display_name: str
    email: str
    role: Role
    is_active: bool
    has_factor: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewMember:
    login: str
    display_name: str
    email: str
    role: Role
    password: str = field(repr=False)
    send_credentials: bool = False


_COLUMNS = ("id, login, display_name, email, role, is_active, totp_secret IS NOT NULL AS has_factor, created_at")


async def members(tx: PlatformTx, like: str | None, order: str, limit: int, offset: int) -> tuple[list[Member], int]:
    where = "FROM staff WHERE ($1::text IS NULL OR login ILIKE $1 OR display_name ILIKE $1 OR email ILIKE $1)"
    total = await tx.fetchval(f"SELECT count(*) {where}", like)
    rows = await tx.fetch(f"SELECT {_COLUMNS} {where} ORDER BY {order} LIMIT $2 OFFSET $3", like, limit, offset)
    return [Member(**row) for row in rows], total


async def member(tx: PlatformTx, staff_id: int) -> Member:
    """Raises NotFound. Locks the row."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM staff WHERE id = $1 FOR UPDATE", staff_id)
    if row is None:
        raise NotFound("staff", _("There is no such person."))
    return Member(**row)


async def create(tx: PlatformTx, new: NewMember) -> int:
    """Raises InvalidFields: login, password, email."""
    login = new.login.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise _wrong("login", _("3–64 characters: lower-case Latin letters, digits and the signs . - _"))
    if new.send_credentials and not new.email:
        raise _wrong("email", _("Fill in this field."))
    secret = await _hash(tx, new.password, login)
    try:
        async with tx.savepoint():
            staff_id = await tx.fetchval(
                "INSERT INTO staff (login, display_name, email, role, password_hash, created_at) "
                "VALUES ($1,$2,$3,$4,$5,$6) RETURNING id", login, new.display_name, new.email, new.role, secret, tx.now)
    except UniqueViolationError as taken:
        raise _wrong("login", _("Already taken")) from taken
    await history.record(tx, "staff_created", "staff", object_id=staff_id, object_name=login, changes={
        "display_name": (None, new.display_name), "email": (None, new.email or None), "role": (None, new.role)})
    if new.send_credentials:
        await _send(tx, login, new.display_name, new.email, new.password)
    return staff_id


async def change(tx: PlatformTx, staff_id: int, *, display_name: str, email: str, role: Role) -> bool:
    """True when the role is another one: the person's sessions must end then.

    Raises:
        NotFound, Refused: one's own role, or the last administrator's.
    """
    await _lock_administrators(tx)
    before = await member(tx, staff_id)
    has_changed = role != before.role
    if has_changed:
        _not_oneself(tx, before)
        await _keep_an_administrator(tx, before)
    await tx.execute("UPDATE staff SET display_name = $2, email = $3, role = $4 WHERE id = $1",
                     staff_id, display_name, email, role)
    changes = {"display_name": (before.display_name, display_name), "email": (before.email, email),
               "role": (before.role, role)}
    if any(old != new for old, new in changes.values()):
        await history.record(tx, "staff_changed", "staff", object_id=staff_id, object_name=before.login,
                             changes=changes)
    if has_changed:
        await _sessions_must_end(tx, staff_id)
    return has_changed


async def lock(tx: PlatformTx, staff_id: int) -> None:
    """No sign-in any more; what is open ends.

    Raises:
        NotFound, Refused: oneself, or the last administrator.
    """
    await _lock_administrators(tx)
    before = await member(tx, staff_id)
    _not_oneself(tx, before)
    if not before.is_active:
        return
    await _keep_an_administrator(tx, before)
    await tx.execute("UPDATE staff SET is_active = false WHERE id = $1", staff_id)
    await history.record(tx, "staff_locked", "staff", object_id=staff_id, object_name=before.login,
                         changes={"is_active": (True, False)})
    await _sessions_must_end(tx, staff_id)


async def unlock(tx: PlatformTx, staff_id: int) -> None:
    before = await member(tx, staff_id)
    if before.is_active:
        return
    await tx.execute("UPDATE staff SET is_active = true WHERE id = $1", staff_id)
    await history.record(tx, "staff_unlocked", "staff", object_id=staff_id, object_name=before.login,
                         changes={"is_active": (False, True)})


async def set_password(tx: PlatformTx, staff_id: int, password: str, *, send_credentials: bool) -> None:
    """Raises NotFound, InvalidFields."""
    known = await member(tx, staff_id)
    if send_credentials and not known.email:
        raise _wrong("send_credentials", _("This person has no e-mail address."))
    secret = await _hash(tx, password, known.login)
    await tx.execute("UPDATE staff SET password_hash = $2 WHERE id = $1", staff_id, secret)
    await history.record(tx, "password_changed", "staff", object_id=staff_id, object_name=known.login,
                         changes={"password": ("old", "new")})
    await _sessions_must_end(tx, staff_id)
    if send_credentials:
        await _send(tx, known.login, known.display_name, known.email, password)


async def reset_second_factor(tx: PlatformTx, staff_id: int) -> None:
    """A lost phone: the password alone opens until a new factor is set up.

    Raises:
        NotFound, Refused: there is none.
    """
    await factor.reset(tx, ActorKind.STAFF, staff_id)
    await _sessions_must_end(tx, staff_id)


async def end_sessions(staff_id: int, *, before: float | None = None, keep_session: str | None = None) -> None:
    """Everything the person has open, in the console and inside domains, ends. Call it after the commit."""
    await sessions.end_sessions(ActorKind.STAFF, 0, staff_id, keep_session, created_before=before)
    if before is None:
        await jump.end_for(ActorKind.STAFF, staff_id)


async def _sessions_must_end(tx: PlatformTx, staff_id: int) -> None:
    """The worker ends what `end_sessions` may miss should this process die."""
    await outbox.publish(tx, "staff_sessions", {"staff_id": staff_id, "before": tx.now.timestamp() + SLACK_SECONDS})


async def _lock_administrators(tx: PlatformTx) -> None:
    """In one order, so that two administrators cannot lock each other out at one moment."""
    await tx.fetch("SELECT id FROM staff WHERE role = 'administrator' ORDER BY id FOR UPDATE")


async def _keep_an_administrator(tx: PlatformTx, leaving: Member) -> None:
    if leaving.role != ADMINISTRATOR or not leaving.is_active:
        return
    others = await tx.fetchval("SELECT count(*) FROM staff WHERE role = 'administrator' AND is_active AND id <> $1",
                               leaving.id)
    if not others:
        raise Refused("last_administrator", _("This is the last active administrator: one must stay."))


def _not_oneself(tx: PlatformTx, known: Member) -> None:
    if tx.actor.kind is ActorKind.STAFF and tx.actor.id == known.id:
        raise Refused("own_account", _("You cannot lock yourself or change your own role."))


async def _hash(tx: PlatformTx, password: str, login: str) -> str:
    check_password_rule(password, login=login, minimum=await parameters.get(tx, "auth.password_min_length"))
    return await hashing.make_hash(password)


async def _send(tx: PlatformTx, login: str, name: str, email: str, password: str) -> None:
    await letters.queue(tx, "staff_credentials", email, language(), name=name, login=login, password=password,
                        url=f"{settings().public_url}/provider/sign-in")


def _wrong(name: str, text: str) -> InvalidFields:
    return InvalidFields("invalid_fields", _("Check the highlighted fields."), fields={name: text})
