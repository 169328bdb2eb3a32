"""Letters about one's account: a sign-in from a new place, a second factor that somebody else has reset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from app.auth import store
from app.auth.accounts import Account
from app.auth.edge import limit_key
from app.auth.journal import TABLES, door
from app.auth.security.devices import device_name
from app.auth.shells import SHELLS, Shell
from app.kernel import letters
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx, PoolTx
from app.kernel.i18n import lazy
from app.settings import settings

KEEP = timedelta(days=180)  # a place not used for so long is new again

letters.letter(
    "new_sign_in", lazy("Sign-in from a new place"), lazy("Sign-in as {{ login }} from a new device or address"),
    lazy("Hello, {{ name }}!\n\nYour account {{ login }} was signed in to on {{ at }}.\n\n"
         "Address: {{ ip }}\nDevice: {{ device }}\n\n"
         "If it was not you, change your password at once and end the other sessions: {{ url }}\n"),
    name="Anna Petrova", login="anna", at=datetime(2026, 4, 21, 13, 2, tzinfo=UTC), ip="203.0.113.7",
    device="Firefox, Windows", url="https://pbx.example/me/security")

letters.letter(
    "factor_reset", lazy("Your second factor is reset"), lazy("The second factor of {{ login }} is reset"),
    lazy("Hello, {{ name }}!\n\nAn administrator reset the second factor of your account {{ login }} on {{ at }}. "
         "Until you set up a new one, the password alone opens it: {{ url }}\n\n"
         "If you did not ask for it, tell your administrator at once and change your password.\n"),
    name="Anna Petrova", login="anna", at=datetime(2026, 4, 21, 13, 2, tzinfo=UTC),
    url="https://pbx.example/me/security")


_PERSON = "SELECT p.login, p.display_name, p.email, "
_ADDRESS = {ActorKind.DOMAIN_USER: f"{_PERSON} coalesce(nullif(p.locale, ''), d.locale) AS locale, d.timezone "
                                   "FROM domain_user p JOIN domain d ON d.id = p.domain_id WHERE p.id = $1"} | {
    kind: f"{_PERSON} p.locale, NULL AS timezone FROM {TABLES[kind]} p WHERE p.id = $1"
    for kind in (ActorKind.POOL_ADMIN, ActorKind.STAFF)}


async def tell_reset(tx: DomainTx | PoolTx | PlatformTx, kind: ActorKind, person_id: int) -> None:
    """To whoever has an address, in their own language."""
    row = await tx.fetchrow(_ADDRESS[kind], person_id)
    if row is None or not row["email"]:
        return
    shell = next(one for one in SHELLS.values() if one.kind is kind)
    await letters.queue(tx, "factor_reset", row["email"], row["locale"] or "ru", zone=row["timezone"],
                        name=row["display_name"], login=row["login"], at=tx.now,
                        url=settings().public_url + shell.security_url)


async def tell(shell: Shell, account: Account, actor: Actor, device: str) -> None:
    """Nothing for plain users, for a known place, and for the first sign-in of all."""
    if not account.is_administrator or not await _is_new_place(actor, device):
        return
    async with door(actor) as tx:
        row = await tx.fetchrow(f"SELECT email, notify_sign_in FROM {TABLES[actor.kind]} WHERE id = $1", actor.id)
        if row is None or not row["email"] or not row["notify_sign_in"]:
            return
        person = account.person
        await letters.queue(tx, "new_sign_in", row["email"], person.locale or account.domain_locale or "ru",
                            zone=person.timezone, name=person.name, login=person.login, at=tx.now, ip=actor.ip,
                            device=device_name(device) or "—", url=settings().public_url + shell.security_url)


async def _is_new_place(actor: Actor, device: str) -> bool:
    """Address and kind of browser, hashed. An IPv6 customer's network is one address."""
    place = sha256(f"{limit_key(actor.ip)} {device_name(device)}".encode()).hexdigest()
    key = f"places:{actor.kind.value}:{actor.domain_id}:{actor.id}"
    async with store.client().pipeline(transaction=True) as pipe:
        pipe.exists(key)
        pipe.sadd(key, place)
        pipe.expire(key, KEEP)
        had_any, is_new, _kept = await pipe.execute()
    return bool(had_any and is_new)
