"""Sessions, kept in Redis: the browser holds a random token, we hold its hash and what it stands for.

One GET per request; no query in the database. Ends: 60 minutes without a request, 12 hours after the
sign-in, the sign-out, or `end_sessions` for everything a person has open [ACC-D7].
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from app.auth import store
from app.auth.principal import Principal
from app.auth.shells import Shell
from app.kernel import clock
from app.kernel.actors import Actor, ActorKind

IDLE_SECONDS = 60 * 60
ABSOLUTE_SECONDS = 12 * 60 * 60
REFRESH_SECONDS = 60
TOKEN_BYTES = 32

_END_ALL = """
local ended = 0
for _, session in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do
  if session ~= ARGV[2] then
    ended = ended + redis.call('DEL', ARGV[3] .. session)
    redis.call('ZREM', KEYS[1], session)
  end
end
return ended
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in, with all that pages need of them without asking the database."""

    kind: ActorKind
    id: int
    login: str
    name: str
    role: str
    domain_id: int = 0
    pool_id: int = 0
    locale: str = ""
    domain_name: str = ""
    company_name: str = ""
    timezone: str = "Europe/Moscow"
    behalf_id: int = 0  # of somebody from outside who works in a domain: the user in whose place
    behalf_login: str = ""
    behalf_name: str = ""
    origin: str = ""  # shell from which somebody jumped into the domain
    must_enrol: bool = False  # a second factor is required of this person and not set up
    is_read_only: bool = False
    is_operator: bool = False  # of the contact centre


class _Session(msgspec.Struct):
    """As stored. Times are seconds since the epoch."""

    shell: str
    kind: str
    id: int
    login: str
    name: str
    role: str
    domain_id: int
    pool_id: int
    locale: str
    domain_name: str
    company_name: str
    timezone: str
    csrf_secret: str
    created: float
    seen: float
    behalf_id: int = 0
    behalf_login: str = ""
    behalf_name: str = ""
    origin: str = ""
    must_enrol: bool = False
    is_read_only: bool = False
    ip: str = ""
    device: str = ""  # the browser's own words, shortened
    is_operator: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Session).decode


def _now() -> float:
    return clock.now().timestamp()


def session_id_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _key(session_id: str) -> str:
    return f"session:{session_id}"


def _index(kind: ActorKind, domain_id: int, person_id: int) -> str:
    """A domain's users are numbered per installation, but their key says the domain all the same."""
    return f"sessions:{kind.value}:{domain_id if kind is ActorKind.DOMAIN_USER else 0}:{person_id}"


def _domain_index(domain_id: int) -> str:
    return f"sessions:domain:{domain_id}"


async def start(shell: Shell, person: Person, *, ip: str = "", device: str = "") -> str:
    """A new session; returns the token for the cookie. Always a new token: a planted one is worth nothing."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = _now()
    session = _Session(
        shell.name, person.kind.value, person.id, person.login, person.name, person.role, person.domain_id,
        person.pool_id, person.locale, person.domain_name, person.company_name, person.timezone,
        secrets.token_urlsafe(16), now, now, person.behalf_id, person.behalf_login, person.behalf_name,
        person.origin, person.must_enrol, person.is_read_only, ip, device[:200],
        person.is_operator)
    indexes = [_index(person.kind, person.domain_id, person.id)]
    if person.domain_id:
        indexes.append(_domain_index(person.domain_id))
    async with store.client().pipeline(transaction=True) as pipe:
        pipe.set(_key(session_id_of(token)), _encode(session), ex=IDLE_SECONDS)
        for index in indexes:
            pipe.zremrangebyscore(index, "-inf", now - ABSOLUTE_SECONDS)
            pipe.zadd(index, {session_id_of(token): now})
            pipe.expire(index, ABSOLUTE_SECONDS)
        await pipe.execute()
    return token


async def load(shell: Shell, token: str, *, ip: str = "", request_id: str = "") -> Principal | None:
    """Whom the token stands for in this panel; None when it stands for nobody (any more)."""
    session_id = session_id_of(token)
    raw = await store.client().get(_key(session_id))
    if raw is None:
        return None
    try:
        session = _decode(raw)
    except msgspec.DecodeError:  # written by another version of ours: sign in again
        return None
    now = _now()
    if session.shell != shell.name or now - session.seen >= IDLE_SECONDS or now - session.created >= ABSOLUTE_SECONDS:
        return None
    if now - session.seen >= REFRESH_SECONDS:
        session.seen = now
        lasts = int(min(IDLE_SECONDS, session.created + ABSOLUTE_SECONDS - now)) + 1
        # xx: a session that was ended in the meantime must not come back
        await store.client().set(_key(session_id), _encode(session), ex=lasts, xx=True)
    actor = Actor(ActorKind(session.kind), session.id, session.login, session.name, session.domain_id,
                  session.pool_id, ip, request_id, session.behalf_id, session.behalf_login, session.behalf_name)
    return Principal(actor, session.role, session_id, session.csrf_secret, session.locale, session.domain_name,
                     session.company_name, session.timezone, session.origin, session.must_enrol, session.is_read_only,
                     session.is_operator)


async def end(token: str) -> None:
    """The sign-out: whoever has the cookie copied has nothing."""
    await store.client().delete(_key(session_id_of(token)))


async def end_sessions(kind: ActorKind, domain_id: int, person_id: int, except_session: str | None = None, *,
                       created_before: float | None = None) -> int:
    """End everything a person has open; returns how many sessions that were. Call it after the commit.

    Args:
        except_session: `Principal.session_id` that stays (the one that changes its own password).
        created_before: seconds since the epoch; sessions begun later stay.
    """
    latest = "+inf" if created_before is None else str(created_before)
    return int(await store.client().eval(  # type: ignore[misc]
        _END_ALL, 1, _index(kind, domain_id, person_id), latest, except_session or "", _key("")))


async def change(principal: Principal, *, locale: str) -> None:
    """Note in the open session what its person chose."""
    await _change([principal.session_id], locale=locale)


async def change_person(kind: ActorKind, domain_id: int, person_id: int, **facts: str | bool) -> None:
    """Facts of a person (name, role …) in all sessions that the person has open. Call it after the commit."""
    await _change(await _members(_index(kind, domain_id, person_id)), kind=kind.value, **facts)


async def change_domain(domain_id: int, **facts: str) -> None:
    """Facts of a domain (company_name, timezone) in every session inside it. Call it after the commit."""
    await _change(await _members(_domain_index(domain_id)), **facts)


async def _members(index: str) -> list[str]:
    return [member.decode() if isinstance(member, bytes) else member
            for member in await store.client().zrange(index, 0, -1)]


async def _read(session_ids: list[str]) -> list[tuple[str, _Session]]:
    """Those of the sessions that are still open."""
    if not session_ids:
        return []
    found = []
    for session_id, raw in zip(session_ids, await store.client().mget([_key(one) for one in session_ids]), strict=True):
        if raw is not None:
            try:
                found.append((session_id, _decode(raw)))
            except msgspec.DecodeError:
                continue
    return found


async def _change(session_ids: list[str], **facts: str | bool) -> None:
    async with store.client().pipeline(transaction=True) as pipe:
        for session_id, session in await _read(session_ids):
            pipe.set(_key(session_id), _encode(msgspec.structs.replace(session, **facts)), keepttl=True, xx=True)
        await pipe.execute()


@dataclass(frozen=True, slots=True)
class Open:
    """A session as its owner sees it. Times are seconds since the epoch."""

    id: str
    ip: str
    device: str
    created: float
    seen: float
    origin: str
    domain_name: str


async def of_person(kind: ActorKind, domain_id: int, person_id: int) -> list[Open]:
    """The person's open sessions, the latest used first."""
    now, found = _now(), []
    for session_id, one in await _read(await _members(_index(kind, domain_id, person_id))):
        if now - one.seen < IDLE_SECONDS and now - one.created < ABSOLUTE_SECONDS:
            found.append(Open(session_id, one.ip, one.device, one.created, one.seen, one.origin, one.domain_name))
    return sorted(found, key=lambda one: -one.seen)


async def end_one(kind: ActorKind, domain_id: int, person_id: int, session_id: str) -> bool:
    """End one of the person's own sessions; False when it is not theirs or over."""
    index = _index(kind, domain_id, person_id)
    if await store.client().zscore(index, session_id) is None:
        return False
    async with store.client().pipeline(transaction=True) as pipe:
        pipe.delete(_key(session_id))
        pipe.zrem(index, session_id)
        ended, _removed = await pipe.execute()
    return bool(ended)


async def end_inside(domain_id: int, kind: ActorKind, person_id: int | None = None) -> int:
    """End the sessions that people of that kind (or one of them) have inside a domain."""
    doomed = [(session_id, one) for session_id, one in await _read(await _members(_domain_index(domain_id)))
              if one.kind == kind.value and person_id in (None, one.id)]
    if not doomed:
        return 0
    async with store.client().pipeline(transaction=True) as pipe:
        for session_id, one in doomed:
            pipe.delete(_key(session_id))
            pipe.zrem(_index(kind, one.domain_id, one.id), session_id)
        await pipe.execute()
    return len(doomed)


async def end_jumped(kind: ActorKind, person_id: int) -> int:
    """End all sessions that this person has inside domains; those in the person's own panel stay."""
    index = _index(kind, 0, person_id)
    doomed = [session_id for session_id, one in await _read(await _members(index)) if one.origin]
    if doomed:
        async with store.client().pipeline(transaction=True) as pipe:
            pipe.delete(*[_key(one) for one in doomed])
            pipe.zrem(index, *doomed)
            await pipe.execute()
    return len(doomed)
