"""Limits on guessing: per name and per address, counted before the password is looked at [ACC-D4].

An attempt first takes a place among the allowed failures and gives it back when it succeeds, so attempts
sent in parallel cannot exceed the limit.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256

from app.auth import store
from app.auth.edge import limit_key
from app.kernel import clock

_BEGIN = """
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, 2 do
  local lock = redis.call('GET', KEYS[i] .. ':lock')
  if lock and tonumber(lock) > now then
    local first = redis.call('SET', KEYS[i] .. ':told', 1, 'NX', 'EX', window)
    return {math.ceil(tonumber(lock) - now), first and 1 or 0}
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[3 + i]) then return {1, 0} end
end
for i = 1, 2 do
  redis.call('ZADD', KEYS[i], now, ARGV[3])
  redis.call('EXPIRE', KEYS[i], window)
end
return {0, 0}
"""
_FAIL = """
local now, window = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, 2 do
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[3 + i]) then
    redis.call('SET', KEYS[i] .. ':lock', now + window, 'EX', window)
    redis.call('DEL', KEYS[i], KEYS[i] .. ':told')
  end
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Limits:
    per_name: int
    per_address: int
    seconds: int  # window and lock


@dataclass(frozen=True, slots=True)
class Attempt:
    """`wait_seconds` > 0: refused. `is_first_refusal`: the first one of this lock."""

    keys: tuple[str, str]
    member: str
    limits: Limits
    wait_seconds: int
    is_first_refusal: bool

    @property
    def is_refused(self) -> bool:
        return self.wait_seconds > 0

    def _arguments(self) -> tuple[str | float, ...]:
        return (*self.keys, clock.now().timestamp(), self.limits.seconds, self.member,
                self.limits.per_name, self.limits.per_address)

    async def failed(self) -> None:
        """Count it; the last one allowed closes the door for `limits.seconds`."""
        await store.client().eval(_FAIL, 2, *self._arguments())  # type: ignore[misc, arg-type]

    async def succeeded(self) -> None:
        """The name's failures are forgiven; those of the address are not (it may guess many names)."""
        async with store.client().pipeline(transaction=True) as pipe:
            pipe.delete(self.keys[0])
            pipe.zrem(self.keys[1], self.member)
            await pipe.execute()

    async def undone(self) -> None:
        """Nothing was learnt from it (the database was away)."""
        async with store.client().pipeline(transaction=True) as pipe:
            for key in self.keys:
                pipe.zrem(key, self.member)
            await pipe.execute()


async def begin(what: str, name: str, address: str, limits: Limits) -> Attempt:
    """Take a place for one attempt of `what` ("domain", "recovery" …) on `name` from `address`.

    The name is hashed: what people type into a login field is now and then a password.
    """
    digest = sha256(name.encode(errors="replace")).hexdigest()
    attempt = Attempt((f"try:{what}:name:{digest}", f"try:{what}:ip:{limit_key(address)}"),
                      secrets.token_hex(8), limits, 0, False)
    wait, first = await store.client().eval(_BEGIN, 2, *attempt._arguments())  # type: ignore[misc, arg-type]
    return Attempt(attempt.keys, attempt.member, limits, int(wait), bool(first))
