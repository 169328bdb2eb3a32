"""`GET /pbx/smart`: whom to ring, asked by a node before the rules of the line [RTE-41, API-61, CRM-15, CRM-34].

Precedence: scenario of amoCRM, line of Bitrix24, `get_number_info`; only the first that applies is asked. Whatever goes
wrong, the answer is "none": the rules of the line.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import structlog
from litestar import Request, Response, get

from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from app.modules.crm import accounts, rules, setup
from app.modules.crm.clients import CrmError
from app.modules.integration_api import delivery, network
from app.modules.integration_api import service as api
from app.modules.integration_api.answers import moscow
from app.modules.integration_api.methods import NUMBER_INFO
from app.modules.integration_api.rules import sip_uri
from app.settings import settings
from pbx_provisioning.authorise.question import BadQuestion, Question, read_question
from pbx_provisioning.plan.model import phone_name
from tenants.calls import sessions

log = structlog.get_logger()

NOBODY = "none||||"


@dataclass(frozen=True, slots=True)
class Advice:
    """`verdict`: ring (the rules follow if he does not answer), go (nothing follows), none."""

    verdict: str = "none"
    account: str = ""
    user_id: int = 0
    extension: str = ""
    name: str = ""

    def line(self) -> str:
        return f"{self.verdict}|{self.account}|{self.user_id or ''}|{self.extension}|{phone_name(self.name)}"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call that waits for the answer."""

    actor: Actor
    line: str  # E.164 digits
    caller: str
    session: str


@get("/pbx/smart", opt={"permission": Permission.NODE, "csrf_exempt": True}, include_in_schema=False)
async def smart(request: Request[Any, Any, Any]) -> Response[str]:
    """The question has the form of `/pbx/authorise`; `user` is the line."""
    known = settings()
    try:
        asked = read_question(dict(request.query_params), key1=known.node_key1, key2=known.node_key2,
                              now=clock.now().timestamp())
    except BadQuestion as bad:
        log.warning("smart_refused", why=str(bad))
        return Response(NOBODY, media_type="text/plain")
    try:
        async with asyncio.timeout(rules.LOOK_SECONDS):
            advice = await advise(await _incoming(asked, request.query_params.get("linkedid", "")[:80]))
    except TimeoutError:
        log.info("smart_timeout", domain_id=asked.domain_id)
        advice = Advice()
    except CrmError as error:
        log.info("smart_failed", domain_id=asked.domain_id, error=str(error)[:200])
        advice = Advice()
    except Exception:
        log.exception("smart_broken", domain_id=asked.domain_id)
        advice = Advice()
    return Response(advice.line(), media_type="text/plain")


async def _incoming(asked: Question, linkedid: str) -> Incoming:
    actor = Actor.system(asked.domain_id, "smart_routing")
    async with domain_transaction(actor) as tx:
        node = await tx.fetchval("SELECT id FROM pbx_node WHERE name = $1", asked.node)
        session = sessions.session_id(node or 0, linkedid or asked.uniqueid, tx.now)
    return Incoming(actor, str(asked.user_id), asked.digits, str(session))


async def advise(call: Incoming) -> Advice:
    """Raises CrmError, TimeoutError."""
    async with domain_transaction(call.actor) as tx:
        found = await accounts.all_of(tx)
        amo, bitrix = found.get(rules.AMO), found.get(rules.BITRIX)
        scenario = await setup.scenario_of_line(tx, amo, call.line) if amo else None
        by_amo = amo if scenario is not None and scenario.smart_manager else None
        exceptions = await setup.exceptions_of(tx, scenario.id) if scenario else frozenset()
        by_bitrix = bitrix if bitrix and any(
            line.is_on and line.e164 == call.line for line in await setup.bitrix_lines(tx, bitrix)) else None
        one = by_amo or by_bitrix
        managers = await setup.managers(tx, one.id) if one else []
    if one is None:
        return await _ask_api(call)
    if one.status != "connected":
        return Advice()
    contact = await (await accounts.client(call.actor, one.kind)).contact(call.caller, rules.LOOK_SECONDS)
    if one.kind == rules.AMO:
        manager = rules.manager_to_ring(contact, managers, exceptions)
    else:
        manager = next((person for person in managers if contact and person.crm_user_id == contact.owner
                        and person.user_id is not None and not person.is_gone), None)
    name = contact.name if contact else ""
    if manager is None or manager.user_id is None:
        return Advice(name=name)
    async with domain_transaction(call.actor) as tx:
        return await _ringing(tx, "ring", "u.id = $2::text::bigint", str(manager.user_id), name)


async def _ringing(tx: DomainTx, verdict: str, condition: str, value: str, name: str) -> Advice:
    row = await tx.fetchrow("SELECT u.id, u.login, u.extension, d.name FROM domain_user u JOIN domain d "
                            f"ON d.id = u.domain_id WHERE u.domain_id = $1 AND {condition}", tx.domain_id, value)
    if row is None:
        return Advice(name=name)
    return Advice(verdict, f"{row['login']}@{row['name']}", row["id"], row["extension"], name)


async def _ask_api(call: Incoming) -> Advice:
    """`get_number_info` [API-61]."""
    async with domain_transaction(call.actor) as tx:
        own = await api.of_domain(tx, tx.domain_id)
        if own is None or not own.is_on or not own.is_method_on(NUMBER_INFO) or not await api.count(tx, NUMBER_INFO):
            return Advice()
        domain = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
        allowed, now = await network.allowed_networks(tx), tx.now
    body = delivery.encoded({"session_id": call.session, "timestamp": moscow(now), "domain": domain,
                             "from_number": sip_uri(call.caller, domain),
                             "request_number": sip_uri(call.line, domain)}).encode()
    try:
        answer = await network.post(own.external_address, NUMBER_INFO, body, delivery.headers_of(own, body),
                                    seconds=rules.LOOK_SECONDS, certificate=own.certificate, allowed=allowed)
        told = json.loads(answer.body) if answer.is_good else {}
    except (network.Unreachable, ValueError, RecursionError):
        return Advice()
    if not isinstance(told, dict) or str(told.get("result", 0)) != "0":
        return Advice()
    name, pin = told.get("displayName"), str(told.get("PIN") or "")
    shown = name if isinstance(name, str) else ""
    if not pin.isascii() or not pin.isdigit() or len(pin) > 5:
        return Advice(name=shown)
    async with domain_transaction(call.actor) as tx:
        return await _ringing(tx, "go", "u.extension = $2", pin, shown)


CONTROLLERS = [smart]
