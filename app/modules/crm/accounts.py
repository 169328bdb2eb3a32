"""Connecting a CRM account and its end: handshake, confirmation with its price, tokens [CRM-01…09, CRM-18, CRM-38]."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from app.audit import history
from app.auth.sealing import seal, unseal
from app.kernel import letters, provisioning
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, domain_transaction, platform_transaction
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _, lazy
from app.modules.crm import clients, rules
from app.modules.crm.clients import CrmError, Tokens
from app.modules.crm.config import applications
from app.modules.integration_api import network
from app.modules.integration_api import service as api
from app.modules.integration_api.methods import NUMBER_INFO
from app.settings import settings
from billing.services import service as services

log = structlog.get_logger()

CODE = "crm"
ACTOR = Actor.system(name="crm")
NAMES = {rules.AMO: "amoCRM", rules.BITRIX: "Bitrix24"}
HANDSHAKE = timedelta(minutes=15)
EARLY = timedelta(minutes=5)  # tokens are renewed so long before they end

letters.letter(
    "crm_broken", lazy("A CRM integration has stopped"), lazy("The integration with {{ crm }} has stopped"),
    lazy("Domain: {{ domain }}\n\nThe account {{ account }} of {{ crm }} does not accept our access any more. Incoming "
         "calls follow the rules of the PBX. Connect the CRM once more to go on.\n"),
    domain="company.pbx.example", crm="amoCRM", account="Company")
letters.letter(
    "crm_removed", lazy("A CRM integration was removed in the CRM"), lazy("{{ crm }} is disconnected"),
    lazy("Domain: {{ domain }}\n\nThe widget was removed or disconnected in {{ crm }} (account {{ account }}). "
         "Incoming "
         "calls follow the rules of the PBX.\n"),
    domain="company.pbx.example", crm="amoCRM", account="Company")


@dataclass(frozen=True, slots=True)
class Integration:
    id: int
    domain_id: int
    kind: str
    account_ref: str
    account_name: str
    address: str
    status: str
    auto_leads: bool
    connected_at: datetime

    @property
    def name(self) -> str:
        return NAMES[self.kind]


@dataclass(frozen=True, slots=True)
class Handshake:
    """`other`: the account that this domain is connected with already."""

    token: str
    kind: str
    account_ref: str
    account_name: str
    other: Integration | None


_COLUMNS = "id, domain_id, kind, account_ref, account_name, address, status, auto_leads, connected_at"


def redirect_address(kind: str) -> str:
    return f"{settings().public_url}/crm-connect/{kind}"


def _place(what: str, ref: object) -> str:
    return f"crm.{what}:{ref}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# ---------------------------------------------------------------- handshake


async def begin(kind: str, host: str, grant: str, value: str, *, access: str = "", seconds: int = 3600) -> str:
    """"Connect" was pressed in the CRM: whose account it is, and a secret for the way to the panel [CRM-05].

    Args:
        grant: authorization_code, or "" when the CRM has sent its tokens (`access`, and `value` to renew it).

    Raises:
        Refused: the CRM does not know this code, or is not set up here.
    """
    own = applications()[kind]
    wrong = Refused("crm_refused", _("The CRM has not confirmed the connection. Begin again from its widget."))
    try:
        address = own.address_of(host)
    except ValueError:
        raise wrong from None
    if not own.is_ready:
        raise Refused("crm_unavailable", _("This CRM is not set up on the platform."))
    async with platform_transaction(ACTOR) as tx:
        allowed = await network.allowed_networks(tx)
    try:
        if grant:
            tokens = await clients.client_of(kind, address, "", allowed).tokens(grant, value, redirect_address(kind))
        else:
            tokens = Tokens(access, value, seconds)
        account = await clients.client_of(kind, address, tokens.access, allowed).account()
    except CrmError as error:
        log.warning("crm_handshake_failed", kind=kind, error=str(error))
        raise wrong from None
    token = secrets.token_urlsafe(32)
    async with platform_transaction(ACTOR) as tx:
        await tx.execute("DELETE FROM crm_handshake WHERE expires_at < $1", tx.now)
        await tx.execute(
            "INSERT INTO crm_handshake (hash, kind, account_ref, account_name, address, tokens, expires_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)", _digest(token), kind, account.ref, account.name, address,
            seal(json.dumps([tokens.access, tokens.refresh, tokens.seconds]), _place("handshake", _digest(token))),
            tx.now + HANDSHAKE)
    return token


async def waiting(actor: Actor, token: str) -> Handshake:
    """What is to be confirmed. Raises NotFound: used, too old, or never there."""
    async with platform_transaction(ACTOR) as tx:
        row = await _open(tx, token)
    async with domain_transaction(actor) as tx:
        return Handshake(token, row["kind"], row["account_ref"], row["account_name"], await find(tx, row["kind"]))


async def _open(tx: PlatformTx, token: str, *, lock: bool = False) -> asyncpg.Record:
    row = await tx.fetchrow("SELECT * FROM crm_handshake WHERE hash = $1 AND used_at IS NULL AND expires_at > $2"
                            + (" FOR UPDATE" if lock else ""), _digest(token), tx.now)
    if row is None:
        raise NotFound("handshake", _("This connection is not valid any more. Begin again from the widget of the CRM."))
    return row


async def confirm(actor: Actor, token: str, *, mark: str | None = None, switch_method_off: bool = False) -> Integration:
    """Connect the account: one instance more, paid now [CRM-06, CRM-07].

    Raises:
        NotFound: the handshake.
        Refused: another account is connected, the API asks about numbers, funds, a block.
        Forbidden: not in the plan. CostChanged: the amounts shown are out of date.
    """
    async with platform_transaction(actor) as platform:
        row = await _open(platform, token, lock=True)
        kind = row["kind"]
        taken = await platform.fetchrow("SELECT domain_id FROM crm_integration WHERE kind = $1 AND account_ref = $2",
                                        kind,
                                        row["account_ref"])
        if taken is not None:
            raise Refused("crm_taken", _("This account is connected with a telephone system already."))
        access, refresh, seconds = json.loads(unseal(row["tokens"], _place("handshake", row["hash"])))
        await platform.execute("UPDATE crm_handshake SET used_at = $2 WHERE hash = $1", row["hash"], platform.now)
        tx = await platform.enter_domain(actor.domain_id)
        await services.scene(tx, lock=True)
        if await find(tx, kind) is not None:
            raise Refused("crm_second", _("The company is connected with another account of this CRM."))
        if kind == rules.AMO and await api.asks_about_numbers(tx):
            if not switch_method_off:
                raise Refused("method_excluded", _("amoCRM and the method get_number_info of the integration API "
                                                   "exclude "
                                                   "each other. Switch the method off first."))
            await api.switch_method_off(tx, NUMBER_INFO)
        await services.add_instances(tx, CODE, 1, f"crm:{kind}", mark=mark)
        found = await tx.fetchval(
            "INSERT INTO crm_integration (domain_id, kind, account_ref, account_name, address, access_token, "
            "refresh_token, expires_at, secret, connected_at, connected_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
            "$9, "
            "$10, $11) RETURNING id", tx.domain_id, kind, row["account_ref"], row["account_name"], row["address"],
            seal(access, _place("token", tx.domain_id)), seal(refresh, _place("token", tx.domain_id)),
            tx.now + timedelta(seconds=seconds), seal(secrets.token_urlsafe(32), _place("token", tx.domain_id)), tx.now,
            actor.login)
        await history.record(tx, "crm_connected", "crm", object_id=found, object_name=NAMES[kind],
                             changes={"crm_account": ("", row["account_name"])})
        await provisioning.want_new_generation(tx, "crm_connected")
        connected = await find(tx, kind)
    assert connected is not None
    return connected


async def disconnect(tx: DomainTx, kind: str, *, from_crm: bool = False) -> None:
    """Tokens, scenarios and mapping are deleted; what was made in the CRM stays [CRM-18, CRM-19, CRM-38].

    Raises:
        NotFound: it is not connected.
    """
    await services.scene(tx, lock=True)
    found = await find(tx, kind)
    if found is None:
        raise NotFound("crm", _("This CRM is not connected."))
    await services.remove_instances(tx, CODE, 1, f"crm:{kind}")
    await tx.execute("DELETE FROM crm_integration WHERE domain_id = $1 AND id = $2", tx.domain_id, found.id)
    await history.record(tx, "crm_disconnected", "crm", object_id=found.id, object_name=found.name,
                         changes={"crm_account": (found.account_name, "")})
    await provisioning.want_new_generation(tx, "crm_disconnected")
    if from_crm:
        await _tell(tx, "crm_removed", found)


async def _tell(tx: DomainTx, letter: str, found: Integration) -> None:
    row = await tx.fetchrow("SELECT name, locale, timezone, notification_email FROM domain WHERE id = $1", tx.domain_id)
    if row is not None and row["notification_email"]:
        await letters.queue(tx, letter, row["notification_email"], row["locale"], zone=row["timezone"],
                            domain=row["name"], crm=found.name, account=found.account_name)


# ---------------------------------------------------------------- reading


async def find(tx: DomainTx, kind: str) -> Integration | None:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM crm_integration WHERE domain_id = $1 AND kind = $2", tx.domain_id,
                            kind)
    return Integration(*row) if row else None


async def require(tx: DomainTx, kind: str) -> Integration:
    """Raises NotFound: it is not connected."""
    found = await find(tx, kind)
    if found is None:
        raise NotFound("crm", _("This CRM is not connected."))
    return found


async def all_of(tx: DomainTx) -> dict[str, Integration]:
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM crm_integration WHERE domain_id = $1", tx.domain_id)
    return {row["kind"]: Integration(*row) for row in rows}


async def secret_of(tx: DomainTx, found: Integration) -> str:
    """What the widget's requests are known by."""
    sealed = await tx.fetchval("SELECT secret FROM crm_integration WHERE domain_id = $1 AND id = $2", tx.domain_id,
                               found.id)
    return unseal(sealed, _place("token", tx.domain_id))


@api.before_switching_on(NUMBER_INFO)
async def _not_beside_amo(tx: DomainTx) -> str:
    """T-07."""
    if await find(tx, rules.AMO) is None:
        return ""
    return _("The method get_number_info and the amoCRM integration exclude each other. Disconnect amoCRM first.")


# ---------------------------------------------------------------- tokens


async def client(actor: Actor, kind: str, *, seconds: float = clients.SECONDS) -> clients.Amo | clients.Bitrix:
    """A client of the domain's account whose token is good for some minutes more.

    Raises:
        NotFound: not connected. CrmError: the CRM refuses to renew the token.
    """
    async with domain_transaction(actor) as tx:
        found = await require(tx, kind)
        row = await tx.fetchrow("SELECT access_token, refresh_token, expires_at FROM crm_integration "
                                "WHERE domain_id = $1 AND id = $2", tx.domain_id, found.id)
        assert row is not None
        allowed, is_old = await network.allowed_networks(tx), row["expires_at"] - tx.now < EARLY
    place = _place("token", actor.domain_id)
    access = unseal(row["access_token"], place)
    if is_old:
        access = await _renew(actor, found, unseal(row["refresh_token"], place), allowed, seconds)
    return clients.client_of(kind, found.address, access, allowed)


async def _renew(actor: Actor, found: Integration, refresh: str, allowed: tuple[network.Network, ...],
                 _seconds: float) -> str:
    place = _place("token", actor.domain_id)
    try:
        tokens = await clients.client_of(found.kind, found.address, "", allowed).tokens(
            "refresh_token", refresh, redirect_address(found.kind))
    except CrmError as error:
        if error.is_final:
            await mark_broken(actor, found)
        raise
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE crm_integration SET access_token = $3, refresh_token = $4, expires_at = $5, "
                         "status = 'connected' WHERE domain_id = $1 AND id = $2", tx.domain_id, found.id,
                         seal(tokens.access, place), seal(tokens.refresh, place),
                         tx.now + timedelta(seconds=tokens.seconds))
    return tokens.access


async def mark_broken(actor: Actor, found: Integration) -> None:
    """The CRM refuses our tokens for good: told once, calls follow the PBX' rules."""
    async with domain_transaction(actor) as tx:
        changed = await tx.fetchval("UPDATE crm_integration SET status = 'broken' WHERE domain_id = $1 AND id = $2 "
                                    "AND status <> 'broken' RETURNING id", tx.domain_id, found.id)
        if changed is not None:
            await _tell(tx, "crm_broken", found)
