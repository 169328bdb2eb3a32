"""What only the provider sets of a domain [SET-03], and its administrators' way back in [ACC-D5]."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from app.audit import history
from app.auth.factor import service as factor
from app.kernel import letters, provisioning
from app.kernel.actors import ActorKind
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.settings import settings
from tenants.users.credentials import set_password

_RENDERED = ("display_name", "timezone", "country", "area_code", "locale", "pbx_node_id")  # known to the PBX


@dataclass(frozen=True, slots=True)
class Profile:
    """Names, address, place and node of a domain; the technical name never changes."""

    company_name: str
    display_name: str
    notification_email: str
    timezone: str
    locale: str
    country: str
    area_code: str
    pbx_node_id: int


_COLUMNS = tuple(Profile.__dataclass_fields__)


async def change(tx: DomainTx, wanted: Profile) -> bool:
    """True when the PBX gets a new configuration for it.

    Raises:
        NotFound, InvalidFields: the node is gone.
    """
    before = await tx.fetchrow(f"SELECT name, {', '.join(_COLUMNS)} FROM domain WHERE id = $1 FOR NO KEY UPDATE",
                               tx.domain_id)
    if before is None:
        raise NotFound("domain", _("There is no such domain"))
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM pbx_node WHERE id = $1)", wanted.pbx_node_id):
        text = _("Choose one of the listed values.")
        raise InvalidFields("node", text, fields={"pbx_node_id": text})
    values = asdict(wanted)
    changes = {name: (before[name], values[name]) for name in _COLUMNS if before[name] != values[name]}
    if not changes:
        return False
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(_COLUMNS, 2))
    await tx.execute(f"UPDATE domain SET {sets} WHERE id = $1", tx.domain_id, *values.values())
    await history.record(tx, "domain_changed", "domain", object_id=tx.domain_id, object_name=before["name"],
                         changes=changes)
    if not any(name in changes for name in _RENDERED):
        return False
    await provisioning.want_new_generation(tx, "domain_changed")
    return True


@dataclass(frozen=True, slots=True)
class Administrator:
    """One of a domain's administrators."""

    id: int
    login: str
    display_name: str
    email: str
    has_factor: bool


async def administrators(tx: DomainTx) -> list[Administrator]:
    rows = await tx.fetch("SELECT id, login, display_name, email, totp_secret IS NOT NULL AS has_factor "
                          "FROM domain_user WHERE domain_id = $1 AND is_admin ORDER BY login", tx.domain_id)
    return [Administrator(**row) for row in rows]


async def administrator(tx: DomainTx, user_id: int) -> Administrator:
    """Raises NotFound, for a plain user too: those turn to their own administrator."""
    found = {one.id: one for one in await administrators(tx)}
    if user_id not in found:
        raise NotFound("user", _("There is no such user"))
    return found[user_id]


async def reset_password(tx: DomainTx, user_id: int, password: str, *, send_credentials: bool) -> None:
    """For an administrator whom nobody else of the domain can help. Sessions end, the phone gets the new secret.

    Raises:
        NotFound, InvalidFields: the password breaks the rule, or a letter is wanted and there is no address.
    """
    known = await administrator(tx, user_id)
    if send_credentials and not known.email:
        text = _("This person has no e-mail address.")
        raise InvalidFields("no_email", text, fields={"send_credentials": text})
    await set_password(tx, user_id, password)
    if send_credentials:
        row = await tx.fetchrow("SELECT name, locale FROM domain WHERE id = $1", tx.domain_id)
        assert row is not None
        await letters.queue(tx, "credentials", known.email, row["locale"], name=known.display_name,
                            domain=row["name"], login=known.login, password=password,
                            url=f"{settings().public_url}/sign-in")


async def reset_factor(tx: DomainTx, user_id: int) -> None:
    """For an administrator who has lost the phone and whom nobody else of the domain can help.

    Raises:
        NotFound, Refused: there is none.
    """
    await administrator(tx, user_id)
    await factor.reset(tx, ActorKind.DOMAIN_USER, user_id)
