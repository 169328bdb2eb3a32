"""The people of the pool interface: create, change, lock, delete, own profile [POOL-15…18, POOL-36…44, POOL-D9]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asyncpg import ForeignKeyViolationError, Record, UniqueViolationError

from app.audit import history
from app.auth import hashing, sessions
from app.auth.factor import service as factor
from app.auth.passwords import check_password_rule
from app.kernel import letters, outbox, parameters
from app.kernel.actors import ActorKind
from app.kernel.db import PlatformTx, PoolTx
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.kernel.i18n import _, language
from app.settings import settings
from tenants.pools.rights import Lost, granted
from tenants.pools.rules import (
    SUBGROUP_ADMIN,
    SUPERVISOR,
    NewAdministrator,
    login_problem,
    one_line,
    person_problems,
    raise_for,
)

Tx = PoolTx | PlatformTx


@dataclass(frozen=True, slots=True)
class Person:
    """What may be changed of one's own profile [POOL-16]; an empty password stays as it is [POOL-17]."""

    display_name: str
    email: str
    phone: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """The form of a supervisor; role and login cannot be changed [POOL-43]."""

    person: Person
    is_active: bool = True
    subgroup_ids: tuple[int, ...] = ()
    send_credentials: bool = False


async def create(tx: Tx, pool_id: int, new: NewAdministrator, *, role: str = "") -> int:
    """Raises InvalidFields with every field that is wrong, weak or taken; then nothing is saved [POOL-42]."""
    login, name, email = new.login.strip(), one_line(new.display_name), new.email.strip()
    role = role or new.role
    problems = {"login": login_problem(login), **person_problems(name, email, new.phone.strip())}
    raise_for(problems | await _password_problem(tx, new.password, login))
    password_hash = await hashing.make_hash(new.password)
    try:
        async with tx.savepoint():
            admin_id = await tx.fetchval(
                "INSERT INTO pool_admin (pool_id, login, display_name, email, phone, password_hash, role, is_active) "
                "VALUES ($1,$2,$3,$4,$5,$6,$7,$8) RETURNING id", pool_id, login, name, email, new.phone.strip(),
                password_hash, role, new.is_active)
    except UniqueViolationError as taken:
        raise InvalidFields("taken", _("Already taken"), fields={"login": _("Already taken")}) from taken
    groups: Sequence[str] = ()
    if role == SUBGROUP_ADMIN:
        groups = await _give_subgroups(tx, pool_id, admin_id, new.subgroup_ids)
    await history.record(tx, "pool_admin_created", "pool_admin", object_id=admin_id, object_name=name, pool_id=pool_id,
                         changes={"login": (None, login), "email": (None, email), "phone": (None, new.phone.strip()),
                                  "role": (None, role), "is_active": (None, new.is_active),
                                  "subgroups": (None, list(groups) or None)})
    if new.send_credentials:
        await _send(tx, pool_id, login, name, email, new.password)
    return admin_id


async def create_by_supervisor(tx: PoolTx, new: NewAdministrator) -> int:
    """`create`, by somebody who may [POOL-12]."""
    await _only_active_supervisor(tx)
    return await create(tx, tx.pool_id, new)


async def change(tx: PoolTx, admin_id: int, wanted: Change) -> list[Lost]:
    """A supervisor changes somebody.

    Returns:
        Domains that were theirs and are no longer: `rights.end_lost` after the commit, and `end_sessions` when
        locked or with a new password.

    Raises:
        Forbidden, InvalidFields, NotFound
        Refused: one's own lock, or the last active supervisor's.
    """
    await _only_active_supervisor(tx)
    before = await _known(tx, tx.pool_id, admin_id)
    if before["is_active"] and not wanted.is_active:
        await _may_go(tx, before, _("You cannot lock yourself"),
                      _("The last active supervisor of the pool cannot be locked"))
    person = wanted.person
    if wanted.send_credentials and not person.password:
        raise_for({"send_credentials": _("Credentials can be sent with a new password only")})
    changes = await _save_person(tx, before, person)
    if before["is_active"] != wanted.is_active:
        await tx.execute("UPDATE pool_admin SET is_active = $2 WHERE id = $1", admin_id, wanted.is_active)
        changes["is_active"] = (before["is_active"], wanted.is_active)
    lost: list[Lost] = []
    if before["role"] == SUBGROUP_ADMIN:
        old, had = await _subgroup_names(tx, admin_id), await granted(tx, admin_id)
        await tx.execute("DELETE FROM pool_admin_subgroup WHERE admin_id = $1", admin_id)
        new = await _give_subgroups(tx, tx.pool_id, admin_id, wanted.subgroup_ids)
        lost = [Lost(admin_id, domain_id) for domain_id in had - await granted(tx, admin_id)]
        changes["subgroups"] = (old or None, list(new) or None)
    await _record_change(tx, "pool_admin_changed", before, person, changes)
    if person.password or not wanted.is_active:
        await sessions_must_end(tx, admin_id)
    if wanted.send_credentials:
        await _send(tx, tx.pool_id, before["login"], one_line(person.display_name), person.email.strip(),
                    person.password)
    return lost


async def change_profile(tx: PoolTx, wanted: Person, *, keep_session: str) -> None:
    """One's own data; other sessions end with a new password.

    Raises:
        Forbidden: the account is gone or locked.
        InvalidFields
    """
    before = await _known(tx, tx.pool_id, tx.actor.id)
    if not before["is_active"]:
        raise Forbidden("forbidden", _("You may not do this."))
    changes = await _save_person(tx, before, wanted)
    await _record_change(tx, "profile_changed", before, wanted, changes)
    if wanted.password:
        await sessions_must_end(tx, before["id"], keep_session)


async def delete(tx: PoolTx, admin_id: int) -> None:
    """The history keeps login and name [POOL-44]. After the commit: `end_sessions`.

    Raises:
        Forbidden, NotFound
        Refused: oneself, or the last active supervisor.
    """
    await _only_active_supervisor(tx)
    row = await _known(tx, tx.pool_id, admin_id)
    await _may_go(tx, row, _("You cannot delete yourself"),
                  _("The last active supervisor of the pool cannot be deleted"))
    groups = await _subgroup_names(tx, admin_id)
    await tx.execute("DELETE FROM pool_admin WHERE id = $1", admin_id)
    await history.record(tx, "pool_admin_deleted", "pool_admin", object_id=admin_id, object_name=row["display_name"],
                         changes={"login": (row["login"], None), "role": (row["role"], None),
                                  "subgroups": (groups or None, None)})
    await sessions_must_end(tx, admin_id)


async def reset_password(tx: PlatformTx, pool_id: int, admin_id: int, password: str, *,
                         send_credentials: bool) -> None:
    """For `service.reset_supervisor_password`."""
    row = await _known(tx, pool_id, admin_id)
    if row["role"] != SUPERVISOR:
        raise NotFound("pool_admin", _("There is no such administrator"))
    raise_for(await _password_problem(tx, password, row["login"]))
    await tx.execute("UPDATE pool_admin SET password_hash = $2, is_active = true WHERE id = $1", admin_id,
                     await hashing.make_hash(password))
    await history.record(tx, "pool_admin_changed", "pool_admin", object_id=admin_id, object_name=row["display_name"],
                         pool_id=pool_id, changes={"password": ("old", "new"), "is_active": (row["is_active"], True)})
    await sessions_must_end(tx, admin_id)
    if send_credentials:
        await _send(tx, pool_id, row["login"], row["display_name"], row["email"], password)


async def reset_factor(tx: PoolTx, admin_id: int) -> None:
    """By a supervisor, for somebody with a lost phone. After the commit: `end_sessions`.

    Raises:
        Forbidden, NotFound
        Refused: one's own, or there is none.
    """
    await _only_active_supervisor(tx)
    await clear_factor(tx, tx.pool_id, admin_id)


async def clear_factor(tx: Tx, pool_id: int, admin_id: int) -> None:
    """Also the provider's. Raises NotFound, Refused: there is none."""
    await _known(tx, pool_id, admin_id)
    await factor.reset(tx, ActorKind.POOL_ADMIN, admin_id, pool_id=pool_id)
    await sessions_must_end(tx, admin_id)


async def sessions_must_end(tx: Tx, admin_id: int, keep_session: str = "") -> None:
    """Make sure of it: the worker ends what `end_sessions` may miss should this process die."""
    await outbox.publish(tx, "pool_admin_sessions", {
        "admin_id": admin_id, "keep_session": keep_session, "before": tx.now.timestamp() + 1.0})


async def end_sessions(admin_id: int, keep_session: str = "", *, before: float | None = None) -> None:
    """Everything the person has open ends, inside domains too. Call it after the commit."""
    await sessions.end_sessions(ActorKind.POOL_ADMIN, 0, admin_id, keep_session or None, created_before=before)


async def _only_active_supervisor(tx: PoolTx) -> None:
    """Locks the pool's supervisors, so that two of them cannot lock each other out at one moment [POOL-D9]."""
    rows = await tx.fetch("SELECT id, is_active FROM pool_admin WHERE pool_id = $1 AND role = 'supervisor' "
                          "ORDER BY id FOR UPDATE", tx.pool_id)
    if not any(row["id"] == tx.actor.id and row["is_active"] for row in rows):
        raise Forbidden("forbidden", _("You may not do this."))


async def _may_go(tx: PoolTx, row: Record, self_text: str, last_text: str) -> None:
    if row["id"] == tx.actor.id:
        raise Refused("own_account", self_text)
    others = await tx.fetchval("SELECT count(*) FROM pool_admin WHERE pool_id = $1 AND role = 'supervisor' "
                               "AND is_active AND id <> $2", tx.pool_id, row["id"])
    if row["role"] == SUPERVISOR and not others:
        raise Refused("last_supervisor", last_text)


async def _save_person(tx: PoolTx, before: Record, wanted: Person) -> dict[str, history.Change]:
    name, email, phone = one_line(wanted.display_name), wanted.email.strip(), wanted.phone.strip()
    problems = person_problems(name, email, phone)
    if wanted.password:
        problems |= await _password_problem(tx, wanted.password, before["login"])
    raise_for(problems)
    await tx.execute("UPDATE pool_admin SET display_name = $2, email = $3, phone = $4 WHERE id = $1",
                     before["id"], name, email, phone)
    changes: dict[str, history.Change] = {
        "display_name": (before["display_name"], name), "email": (before["email"], email),
        "phone": (before["phone"], phone)}
    if wanted.password:
        await tx.execute("UPDATE pool_admin SET password_hash = $2 WHERE id = $1", before["id"],
                         await hashing.make_hash(wanted.password))
        changes["password"] = ("old", "new")
    return changes


async def _record_change(tx: PoolTx, action: str, before: Record, wanted: Person,
                         changes: Mapping[str, history.Change]) -> None:
    if any(old != new for old, new in changes.values()):
        await history.record(tx, action, "pool_admin", object_id=before["id"],
                             object_name=one_line(wanted.display_name), changes=changes)


async def _known(tx: Tx, pool_id: int, admin_id: int) -> Record:
    row = await tx.fetchrow("SELECT id, login, display_name, email, phone, role, is_active FROM pool_admin "
                            "WHERE pool_id = $1 AND id = $2 FOR UPDATE", pool_id, admin_id)
    if row is None:
        raise NotFound("pool_admin", _("There is no such administrator"))
    return row


async def _give_subgroups(tx: Tx, pool_id: int, admin_id: int, subgroup_ids: Sequence[int]) -> list[str]:
    """Names of the subgroups given; a form kept open may name one that is gone, or another pool's."""
    wanted = sorted(set(subgroup_ids))
    try:
        async with tx.savepoint():
            await tx.execute("INSERT INTO pool_admin_subgroup (pool_id, admin_id, subgroup_id) "
                             "SELECT $1, $2, unnest($3::bigint[])", pool_id, admin_id, wanted)
    except ForeignKeyViolationError as gone:
        text = _("One of the groups is no longer there. Open the form again.")
        raise InvalidFields("subgroup", text, fields={"subgroup_ids": text}) from gone
    return await _subgroup_names(tx, admin_id)


async def _subgroup_names(tx: Tx, admin_id: int) -> list[str]:
    rows = await tx.fetch("SELECT g.name FROM pool_admin_subgroup s JOIN pool_subgroup g ON g.id = s.subgroup_id "
                          "WHERE s.admin_id = $1 ORDER BY lower(g.name)", admin_id)
    return [row["name"] for row in rows]


async def _password_problem(tx: Tx, password: str, login: str) -> dict[str, str]:
    minimum = await parameters.get(tx, "auth.password_min_length")
    try:
        check_password_rule(password, login=login, minimum=minimum)
    except InvalidFields as weak:
        return dict(weak.fields)
    return {}


async def _send(tx: Tx, pool_id: int, login: str, name: str, email: str, password: str) -> None:
    """The letter with the access data, in the sender's language [POOL-41]."""
    pool = await tx.fetchval("SELECT name FROM pool WHERE id = $1", pool_id)
    await letters.queue(tx, "pool_credentials", email, language(), name=name, pool=pool, login=login,
                        url=f"{settings().public_url}/group/sign-in", password=password)
