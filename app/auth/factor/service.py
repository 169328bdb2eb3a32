"""Setting up, checking and taking away a person's second factor."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import Record
from pyotp import random_base32
from pyotp.totp import TOTP

from app.audit import history
from app.auth import notices, sessions, store
from app.auth.factor import rules
from app.auth.factor.codes import new_recovery_codes
from app.auth.journal import TABLES, door
from app.auth.parameters import parameters
from app.auth.principal import Principal
from app.auth.sealing import seal, unseal
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx, PoolTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.settings import settings

ISSUER = "Switchroom"
SETUP_SECONDS = 15 * 60
AnyTx = DomainTx | PoolTx | PlatformTx


@dataclass(frozen=True, slots=True)
class State:
    is_on: bool
    codes_left: int
    notify_sign_in: bool


def _wrong_code() -> InvalidFields:
    text = _("The code is wrong or has been used. Wait for the next one.")
    return InvalidFields("wrong_code", text, fields={"code": text})


def _place(kind: ActorKind, person_id: int) -> str:
    return f"totp:{kind.value}:{person_id}"


async def _row(tx: AnyTx, kind: ActorKind, person_id: int) -> Record:
    """The person's own row, locked, so that a code sent twice at once works once."""
    sql = (f"SELECT totp_secret, totp_step, totp_recovery, notify_sign_in, display_name FROM {TABLES[kind]} "
           "WHERE id = $1")
    if isinstance(tx, DomainTx):
        row = await tx.fetchrow(f"{sql} AND domain_id = $2 FOR NO KEY UPDATE", person_id, tx.domain_id)
    else:
        row = await tx.fetchrow(f"{sql} FOR NO KEY UPDATE", person_id)
    if row is None:
        raise NotFound("person", _("There is no such user"))
    return row


async def state(actor: Actor) -> State:
    async with door(actor) as tx:
        row = await _row(tx, actor.kind, actor.id)
    return State(row["totp_secret"] is not None, len(row["totp_recovery"]), row["notify_sign_in"])


async def is_required_of(kind: ActorKind, role: str) -> bool:
    return rules.is_required((await parameters()).require_totp, kind, role)


def _setup_key(principal: Principal) -> str:
    return f"totp:setup:{principal.session_id}"


async def begin(principal: Principal) -> str:
    """A secret to be scanned; it counts once a code of it is entered. The same one while the page is reloaded.

    Raises:
        Refused: there is a second factor already.
    """
    if (await state(principal.actor)).is_on:
        raise Refused("totp_on", _("The second factor is set up already."))
    known = await store.client().get(_setup_key(principal))
    if known is not None:
        return known.decode()
    secret = random_base32()
    await store.client().set(_setup_key(principal), secret, ex=SETUP_SECONDS)
    return secret


def address(principal: Principal, secret: str) -> str:
    """What the QR code holds."""
    name = f"{principal.actor.login}@{principal.domain_name}" if principal.domain_name else principal.actor.login
    return TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


async def confirm(principal: Principal, code: str) -> list[str]:
    """Turn it on with a first code; the recovery codes, which are shown this once. Other sessions end.

    Raises:
        InvalidFields: a wrong code, or the set-up was left for too long.
    """
    actor, raw = principal.actor, await store.client().get(_setup_key(principal))
    if raw is None:
        text = _("The set-up took too long. Open this page again.")
        raise InvalidFields("totp_setup", text, fields={"code": text})
    codes = new_recovery_codes()
    async with door(actor) as tx:
        row = await _row(tx, actor.kind, actor.id)
        step = rules.step_of(raw.decode(), code, tx.now, 0)
        if row["totp_secret"] is not None or step is None:
            raise _wrong_code()
        await tx.execute(f"UPDATE {TABLES[actor.kind]} SET totp_secret = $2, totp_step = $3, totp_recovery = $4 "
                         "WHERE id = $1", actor.id, seal(raw.decode(), _place(actor.kind, actor.id)), step,
                         _hashes(codes))
        await _tell(tx, "second_factor_on", actor.kind, actor.id, row["display_name"])
    await store.client().delete(_setup_key(principal))
    await sessions.end_sessions(actor.kind, actor.domain_id, actor.id, principal.session_id)
    await sessions.change_person(actor.kind, actor.domain_id, actor.id, must_enrol=False)
    return codes


def _hashes(codes: list[str]) -> list[str]:
    return [rules.recovery_hash(settings().secret_key, code) for code in codes]


async def check(actor: Actor, code: str) -> bool:
    """Use up a code of the authenticator or a recovery code."""
    async with door(actor) as tx:
        row = await _row(tx, actor.kind, actor.id)
        return await _use(tx, actor, row, code)


async def _use(tx: AnyTx, actor: Actor, row: Record, code: str) -> bool:
    if row["totp_secret"] is None:
        return False
    table = TABLES[actor.kind]
    secret = unseal(row["totp_secret"], _place(actor.kind, actor.id))
    step = rules.step_of(secret, code, tx.now, row["totp_step"])
    if step is not None:
        await tx.execute(f"UPDATE {table} SET totp_step = $2 WHERE id = $1", actor.id, step)
        return True
    used = rules.recovery_hash(settings().secret_key, code[:100])
    if used not in row["totp_recovery"]:
        return False
    await tx.execute(f"UPDATE {table} SET totp_recovery = array_remove(totp_recovery, $2) WHERE id = $1",
                     actor.id, used)
    await _tell(tx, "recovery_code_used", actor.kind, actor.id, row["display_name"])
    return True


async def renew_codes(principal: Principal, code: str) -> list[str]:
    """New recovery codes; the old ones are void."""
    actor, codes = principal.actor, new_recovery_codes()
    async with door(actor) as tx:
        row = await _row(tx, actor.kind, actor.id)
        if not await _use(tx, actor, row, code):
            raise _wrong_code()
        await tx.execute(f"UPDATE {TABLES[actor.kind]} SET totp_recovery = $2 WHERE id = $1", actor.id, _hashes(codes))
        await _tell(tx, "recovery_codes_renewed", actor.kind, actor.id, row["display_name"])
    return codes


async def turn_off(principal: Principal, code: str) -> None:
    """
    Raises:
        Refused: the provider requires it of this person.
        InvalidFields: a wrong code.
    """
    actor = principal.actor
    if await is_required_of(actor.kind, principal.role):
        raise Refused("totp_required", _("Your second factor is required: it can be changed, not turned off."))
    async with door(actor) as tx:
        row = await _row(tx, actor.kind, actor.id)
        if not await _use(tx, actor, row, code):
            raise _wrong_code()
        await _clear(tx, actor.kind, actor.id)
        await _tell(tx, "second_factor_off", actor.kind, actor.id, row["display_name"])


async def reset(tx: AnyTx, kind: ActorKind, person_id: int, *, pool_id: int | None = None) -> None:
    """By the administrator above: a lost phone. The person is told by letter. The caller has checked the right, and
    ends the person's sessions after the commit.

    Args:
        pool_id: the pool whose history shows it, where the transaction does not say it.

    Raises:
        NotFound: no such person behind this door.
        Refused: there is nothing to reset, or it is one's own, which needs a code.
    """
    if _is_own(tx.actor, kind, person_id):
        raise Refused("own_factor", _("Your own second factor is changed on your page, with a code."))
    row = await _row(tx, kind, person_id)
    if row["totp_secret"] is None:
        raise Refused("totp_off", _("This person has no second factor."))
    await _clear(tx, kind, person_id)
    await _tell(tx, "second_factor_reset", kind, person_id, row["display_name"], pool_id=pool_id)
    await notices.tell_reset(tx, kind, person_id)


def _is_own(actor: Actor, kind: ActorKind, person_id: int) -> bool:
    """Also of the user in whose place somebody acts."""
    return person_id == actor.user_id if kind is ActorKind.DOMAIN_USER else (actor.kind, actor.id) == (kind, person_id)


async def set_notices(actor: Actor, wanted: bool) -> None:
    """Whether a sign-in from a new place is told by letter."""
    async with door(actor) as tx:
        row = await _row(tx, actor.kind, actor.id)
        await tx.execute(f"UPDATE {TABLES[actor.kind]} SET notify_sign_in = $2 WHERE id = $1", actor.id, wanted)
        await _tell(tx, "sign_in_notices_changed", actor.kind, actor.id, row["display_name"],
                    {"notify_sign_in": (row["notify_sign_in"], wanted)})


async def _clear(tx: AnyTx, kind: ActorKind, person_id: int) -> None:
    await tx.execute(f"UPDATE {TABLES[kind]} SET totp_secret = NULL, totp_step = 0, totp_recovery = '{{}}' "
                     "WHERE id = $1", person_id)


async def _tell(tx: AnyTx, action: str, kind: ActorKind, person_id: int, name: str,
                changes: dict[str, history.Change] | None = None, pool_id: int | None = None) -> None:
    await history.record(tx, action, kind.value, object_id=person_id, object_name=name, changes=changes,
                         pool_id=pool_id)
