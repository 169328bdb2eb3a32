"""Use cases of users: create, change, delete [USR-21…39, USR-53…78]. Passwords are in `credentials.py`."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import outbox, provisioning
from app.kernel.actors import ActorKind
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _, ngettext
from tenants.destinations import registry
from tenants.numbers.outgoing import check_outgoing_number
from tenants.numbers.rules import Restriction
from tenants.users import credentials, fees
from tenants.users import destinations as _destinations  # noqa: F401  whoever sends calls to users finds them
from tenants.users.rules import NewUser, Profile, check_new_user, check_profile, next_extension, one_line
from tenants.users.tables import User

TRIES = 20  # for an automatic extension: each lost race means that somebody else got theirs


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """What the use cases need to know of the domain."""

    name: str
    max_users: int
    pickup_number: str
    last_auto_extension: int
    locale: str


async def domain_facts(tx: DomainTx, *, lock: bool = False) -> DomainFacts:
    """`lock` makes changes of one domain's users wait for each other: limit, fees and last administrator
    are decided on counts that must still be true at commit."""
    row = await tx.fetchrow(
        "SELECT name, max_users, pickup_number, last_auto_extension, locale FROM domain WHERE id = $1"
        + (" FOR NO KEY UPDATE" if lock else ""), tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return DomainFacts(**row)


async def propose_extension(tx: DomainTx, *, but: str = "") -> str:
    """What an open form offers [USR-26], `but` being offered beside it; "" when every number is taken."""
    facts = await domain_facts(tx)
    return await _next_free(tx, facts, but) or ""


async def create_user(tx: DomainTx, new: NewUser, *, quoted: str | None = None) -> int:
    """A user with SIP account and cabinet login; charges the fees and asks for the configuration [USR-39].

    Args:
        quoted: `Quote.mark` of the amounts that were shown; None skips the comparison.

    Raises:
        InvalidFields: a value breaks a rule or is taken; names who has it.
        Refused: the domain has its maximum of users, or funds are missing.
        CostChanged: the amounts shown are out of date.
    """
    facts = await domain_facts(tx)
    new = check_new_user(new, pickup_number=facts.pickup_number)
    secrets = await credentials.make(tx, new.password, login=new.login, domain=facts.name, extension=new.extension)
    await check_outgoing_number(tx, new.outgoing_number_id)
    facts = await domain_facts(tx, lock=True)
    users = await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1", tx.domain_id)
    if users >= facts.max_users:
        raise Refused("user_limit", ngettext(
            "The domain may have %(limit)s user and has it already.",
            "The domain may have %(limit)s users and has them already.", facts.max_users)
            % {"limit": facts.max_users}, limit=facts.max_users)
    await fees.charge_new_user(tx, new.login, quoted)
    user = User(
        domain_id=tx.domain_id, login=new.login, display_name=new.display_name, extension=new.extension,
        position=new.position, email=new.email, is_admin=new.is_admin, outgoing_number_id=new.outgoing_number_id,
        outgoing_restriction=new.restriction.value if new.restriction else None, created_at=tx.now,
        password_hash=secrets.password_hash, sip_ha1=secrets.sip_ha1)
    await _keep(tx, user, facts)
    user_id = int(user.id)
    await _tell_created(tx, user)
    if new.send_credentials:
        await credentials.send(tx, facts.name, new, facts.locale)
    return user_id


async def _tell_created(tx: DomainTx, user: User) -> None:
    await history.record(tx, "user_created", "user", object_id=user.id, object_name=user.display_name, changes={
        name: (None, getattr(user, name)) for name in (
            "login", "display_name", "extension", "position", "email", "is_admin", "outgoing_number_id",
            "outgoing_restriction")})
    await provisioning.want_new_generation(tx, f"user_created {user.login}")
    await outbox.publish(tx, "user_created", {"user_id": user.id})


async def update_profile(tx: DomainTx, user_id: int, profile: Profile) -> None:
    """Blocks 1 and 2 of the user's page, together [USR-55, USR-57, USR-59].

    Raises:
        InvalidFields: a value breaks a rule or is taken; names who has it.
    """
    facts = await domain_facts(tx, lock=not profile.extension.strip())  # the order of locks is domain, user
    profile = check_profile(profile, pickup_number=facts.pickup_number)
    user = await _locked(tx, user_id)
    if profile.outgoing_number_id != user.outgoing_number_id:
        await check_outgoing_number(tx, profile.outgoing_number_id)
    before = user.to_dict()
    user.display_name, user.position, user.email = profile.display_name, profile.position, profile.email
    user.outgoing_number_id = profile.outgoing_number_id
    user.notify_voicemail = profile.notify_voicemail
    user.extension = profile.extension
    if profile.extension != before["extension"]:
        await _keep(tx, user, facts)
    else:
        await user.save([User.display_name, User.position, User.email, User.outgoing_number_id,
                         User.notify_voicemail])
    await _tell_changed(tx, user, before, {"display_name", "extension", "outgoing_number_id"})


async def update_own_profile(tx: DomainTx, user_id: int, *, display_name: str, email: str,
                             notify_voicemail: bool = False) -> None:
    """What a person may change about himself or herself [ACC-28…31, ACC-36, ACC-D10].

    Raises:
        InvalidFields: a value breaks a rule.
    """
    user = await _locked(tx, user_id)
    profile = check_profile(Profile(display_name=display_name, email=email, notify_voicemail=notify_voicemail))
    before = user.to_dict()
    user.display_name, user.email = profile.display_name, profile.email
    user.notify_voicemail = profile.notify_voicemail
    await user.save([User.display_name, User.email, User.notify_voicemail])
    await _tell_changed(tx, user, before, {"display_name"})


async def set_restriction(tx: DomainTx, user_id: int, restriction: Restriction | None) -> None:
    """Own outgoing restriction; None returns to the domain's [USR-84, USR-85]."""
    user = await _locked(tx, user_id)
    before = user.to_dict()
    user.outgoing_restriction = restriction.value if restriction else None
    await user.save([User.outgoing_restriction])
    await _tell_changed(tx, user, before, {"outgoing_restriction"})


async def set_administrator(tx: DomainTx, user_id: int, is_admin: bool) -> None:
    """Give or take the administrator's role.

    Raises:
        Refused: the last administrator, or one's own role [USR-64].
    """
    await domain_facts(tx, lock=True)
    user = await _locked(tx, user_id)
    if user.is_admin == is_admin:
        return
    if not is_admin:
        if _is_oneself(tx, user_id):
            raise Refused("own_role", _("You cannot take the administrator's role from yourself."))
        await _refuse_for_last_administrator(tx, user)
    before = user.to_dict()
    user.is_admin = is_admin
    await user.save([User.is_admin])
    await _tell_changed(tx, user, before, set())
    await outbox.publish(tx, "user_role_changed", {"user_id": user_id})


async def delete_user(tx: DomainTx, user_id: int) -> str:
    """Delete for good; login and extension become free, numbers that rang the user give the busy tone.

    Returns:
        The name, for the reader.

    Raises:
        Refused: the last administrator, or oneself [USR-64].
    """
    await domain_facts(tx, lock=True)
    user = await _locked(tx, user_id)
    if _is_oneself(tx, user_id):
        raise Refused("own_account", _("You cannot delete yourself."))
    await _refuse_for_last_administrator(tx, user)
    await fees.note_leaving_user(tx, user_id, user.login, is_operator=user.is_operator)
    await registry.gone(tx, "user", user_id)
    await user.remove()
    await history.record(tx, "user_deleted", "user", object_id=user_id, object_name=user.display_name, changes={
        "login": (user.login, None), "display_name": (user.display_name, None), "extension": (user.extension, None)})
    await provisioning.want_new_generation(tx, f"user_deleted {user.login}")
    await outbox.publish(tx, "user_deleted", {"user_id": user_id})
    return str(user.display_name)


def _is_oneself(tx: DomainTx, user_id: int) -> bool:
    return tx.actor.kind is ActorKind.DOMAIN_USER and tx.actor.id == user_id


async def _refuse_for_last_administrator(tx: DomainTx, user: User) -> None:
    others = await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1 AND is_admin AND id <> $2",
                               tx.domain_id, user.id)
    if user.is_admin and not others:
        raise Refused("last_administrator", _("%(name)s is the domain's only administrator. "
                                              "Give the role to somebody else first.") % {"name": user.display_name})


async def _locked(tx: DomainTx, user_id: int) -> User:
    """The row, held until the end. Another domain's id is as unknown as one that never was."""
    user = await (User.objects().where((User.domain_id == tx.domain_id) & (User.id == user_id))
                  .first().lock_rows("NO KEY UPDATE"))
    if user is None:
        raise NotFound("user", _("There is no such user"))
    return user


async def _tell_changed(tx: DomainTx, user: User, before: dict, reaches_pbx: set[str]) -> None:
    after = user.to_dict()
    changes = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    if not changes:
        return
    await history.record(tx, "user_changed", "user", object_id=user.id, object_name=user.display_name,
                         changes=changes)
    if reaches_pbx & changes.keys():
        await provisioning.want_new_generation(tx, f"user_changed {user.login}")


# --- extensions and logins: the database decides who has them -----------------------------------------


async def _keep(tx: DomainTx, user: User, facts: DomainFacts) -> None:
    """Write the row. An automatic extension that somebody took meanwhile is replaced silently.

    Raises:
        InvalidFields: login or chosen extension is taken; names who has it.
    """
    automatic = not user.extension
    for _attempt in range(TRIES):
        if automatic:
            user.extension = await _next_free(tx, facts)
            if user.extension is None:
                raise Refused("no_extension", _("Every extension of the domain is taken."))
        try:
            async with tx.savepoint():
                await user.save()
        except UniqueViolationError as taken:
            wrong = await _who_has(tx, user)
            if automatic:
                wrong.pop("extension", None)
                facts = await domain_facts(tx)
            if wrong:
                raise InvalidFields("taken", _("Check the highlighted fields."), fields=wrong) from taken
            continue
        if automatic:
            await tx.execute("UPDATE domain SET last_auto_extension = greatest(last_auto_extension, $2) "
                             "WHERE id = $1", tx.domain_id, int(user.extension))
        return
    raise Refused("no_extension", _("The extension could not be assigned. Try again."))


async def _next_free(tx: DomainTx, facts: DomainFacts, but: str = "") -> str | None:
    taken = {row["digits"] for row in await tx.fetch(
        "SELECT digits FROM internal_number WHERE domain_id = $1", tx.domain_id)} | {but}
    return next_extension(facts.last_auto_extension, taken, facts.pickup_number)


async def _who_has(tx: DomainTx, user: User) -> dict[str, str]:
    """Field → who has the wanted value, in words."""
    own = user.id if isinstance(user.id, int) else 0
    rows = await tx.fetch(
        "SELECT 'extension' AS field, u.display_name FROM internal_number i LEFT JOIN domain_user u "
        "ON u.domain_id = i.domain_id AND i.kind = 'user' AND u.id = i.owner_id "
        "WHERE i.domain_id = $1 AND i.digits = $2 AND NOT (i.kind = 'user' AND i.owner_id = $4) "
        "UNION ALL SELECT 'login', display_name FROM domain_user WHERE domain_id = $1 AND login = $3 AND id <> $4",
        tx.domain_id, user.extension, user.login, own)
    words = {"extension": _("Extension %(value)s is taken by %(name)s") if any(
        row["field"] == "extension" and row["display_name"] for row in rows) else _("Extension %(value)s is taken"),
        "login": _("The login %(value)s is taken by %(name)s")}
    return {row["field"]: words[row["field"]] % {"value": getattr(user, row["field"]),
                                                 "name": one_line(row["display_name"] or "")} for row in rows}


