"""From a pool or from the provider's console into a domain's cabinet, without its password [POOL-26, POOL-D7].

    token = await jump.issue(principal, domain_id)       # after the feature has checked the right
    return await jump.leap(request, token)               # a page that posts the token to /enter

The token is good for a minute, once, and only in the browser that has the session which asked for it. The
session that it opens is the person's own: kind, login and name stay, the history of the domain tells them.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec
from litestar import Request
from litestar.response import Template

from app.audit import history
from app.auth import sessions, store
from app.auth.accounts import user_by_id
from app.auth.permissions import VISITOR_ROLE
from app.auth.principal import Principal
from app.auth.sessions import Person
from app.auth.shells import DOMAIN, SHELLS, Shell
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, domain_transaction, platform_transaction, pool_transaction
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from app.web.shell import page

TOKEN_SECONDS = 60
ENTERED = "entered_domain"  # in the history of the pool or of the provider
SIGNED_IN = "signed_in"  # in the domain's own

Right = Callable[[Actor, int], Awaitable[bool]]
_rights: dict[ActorKind, Right] = {}


class _Token(msgspec.Struct):
    shell: str
    session: str
    domain_id: int
    user_id: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Token).decode


def register_right(kind: ActorKind, may_enter: Right) -> None:
    """Who knows whether a person of that kind may (still) enter a domain says so here."""
    _rights[kind] = may_enter


def _key(token: str) -> str:
    return f"jump:{sha256(token.encode()).hexdigest()}"


async def issue(principal: Principal, domain_id: int, *, as_user_id: int = 0) -> str:
    """A token for one entry. Asks the registered right; `as_user_id` is for the provider's staff only.

    Raises:
        NotFound: this person may not enter that domain.
    """
    actor = principal.actor
    if principal.origin or not await _may(actor, domain_id) or (as_user_id and actor.kind is not ActorKind.STAFF):
        raise NotFound("domain", _("There is no such domain"))
    token = secrets.token_urlsafe(32)
    shell = next(one for one in SHELLS.values() if one.kind is actor.kind)
    await store.client().set(_key(token), _encode(_Token(shell.name, principal.session_id, domain_id, as_user_id)),
                             ex=TOKEN_SECONDS)
    return token


async def leap(request: Request, token: str) -> Template:
    """The page that hands the token over by itself; its form has a button for a browser without scripts."""
    answer = await page(request, "auth/jump.html", shell="auth", token=token)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _may(actor: Actor, domain_id: int) -> bool:
    right = _rights.get(actor.kind)
    return right is not None and await right(actor, domain_id)


def _dead() -> Refused:
    return Refused("jump_dead", _("This way into the domain is no longer valid: it works once and for a minute. "
                                  "Go back and open the domain again."))


async def redeem(token: str, cookies: dict[str, str], *, ip: str, request_id: str, device: str) -> tuple[str, str]:
    """Use the token up; the new session's token and role. `cookies`: those of the browser that brings it.

    Raises:
        Refused: forged, used, too old, another browser's, or the right is gone.
    """
    raw = await store.client().getdel(_key(token)) if token else None
    if raw is None:
        raise _dead()
    found = _decode(raw)
    origin = SHELLS[found.shell]
    principal = await sessions.load(origin, cookies.get(origin.cookie_name, ""), ip=ip, request_id=request_id)
    if principal is None or principal.session_id != found.session or principal.must_enrol:
        raise _dead()
    if not await _may(principal.actor, found.domain_id):
        raise _dead()
    person = await _enter(principal, found, origin)
    return await sessions.start(DOMAIN, person, ip=ip, device=device), person.role


async def _enter(principal: Principal, wanted: _Token, origin: Shell) -> Person:
    """Both histories, and who the session is."""
    who = principal.actor
    inside = Actor(who.kind, who.id, who.login, who.name, wanted.domain_id, who.pool_id, who.ip, who.request_id)
    async with domain_transaction(inside) as tx:
        row = await tx.fetchrow("SELECT name, company_name, timezone FROM domain WHERE id = $1", tx.domain_id)
        if row is None:
            raise _dead()
        user = await _user(tx, wanted.user_id)
        await history.record(tx, SIGNED_IN, who.kind.value, object_id=who.id, object_name=who.name)
    await _tell_origin(who, wanted.domain_id, row["name"], user.login if user else "")
    return Person(
        who.kind, who.id, who.login, who.name, user.role if user else VISITOR_ROLE, wanted.domain_id, who.pool_id,
        principal.locale, row["name"], row["company_name"], row["timezone"], user.id if user else 0,
        user.login if user else "", user.name if user else "", origin.name,
        is_read_only=who.kind is ActorKind.STAFF and principal.role != "administrator")


async def _user(tx: DomainTx, user_id: int) -> Person | None:
    """The user in whose place staff will act."""
    if not user_id:
        return None
    account = await user_by_id(tx, user_id)
    if account is None:
        raise NotFound("user", _("There is no such user"))
    return account.person


async def _tell_origin(who: Actor, domain_id: int, name: str, as_login: str) -> None:
    changes = {"acts_as": (None, as_login)} if as_login else {}
    if who.kind is ActorKind.POOL_ADMIN:
        async with pool_transaction(who) as tx:
            await history.record(tx, ENTERED, "domain", object_id=domain_id, object_name=name, changes=changes)
    else:
        async with platform_transaction(who) as tx:
            await history.record(tx, ENTERED, "domain", object_id=domain_id, object_name=name, changes=changes)


async def end_for(kind: ActorKind, person_id: int | None = None, domain_id: int | None = None) -> int:
    """End sessions inside domains of people who have lost the right: of one person, of one domain, or both.

    Call it after the commit. Returns how many there were.
    """
    if domain_id is not None:
        return await sessions.end_inside(domain_id, kind, person_id)
    return await sessions.end_jumped(kind, person_id) if person_id is not None else 0


async def _staff_may(actor: Actor, domain_id: int) -> bool:
    async with platform_transaction(actor) as tx:
        return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM staff WHERE id = $1 AND is_active) "
                                      "AND EXISTS (SELECT FROM domain WHERE id = $2)", actor.id, domain_id))


register_right(ActorKind.STAFF, _staff_may)
