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


async def start(shell: Shell, person: Person) -> str:
    """A new session; returns the token for the cookie. Always a new token: a planted one is worth nothing."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = _now()
    session = _Session(
        shell.name, person.kind.value, person.id, person.login, person.name, person.role, person.domain_id,
        person.pool_id, person.locale, person.domain_name, person.company_name, person.timezone,
        secrets.token_urlsafe(16), now, now)
    index = _index(person.kind, person.domain_id, person.id)
    async with store.client().pipeline(transaction=True) as pipe:
        pipe.set(_key(session_id_of(token)), _encode(session), ex=IDLE_SECONDS)
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
                  session.pool_id, ip, request_id)
    return Principal(actor, session.role, session_id, session.csrf_secret, session.locale, session.domain_name,
                     session.company_name, session.timezone)


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
    raw = await store.client().get(_key(principal.session_id))
    if raw is not None:
        session = _decode(raw)
        session.locale = locale
        await store.client().set(_key(principal.session_id), _encode(session), keepttl=True, xx=True)
