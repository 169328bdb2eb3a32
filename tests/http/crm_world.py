"""amoCRM and Bitrix24 as far as we talk to them: local stands-in of their REST interfaces, and companies connected to them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.kernel.db import domain_transaction
from app.modules.crm import accounts, config, setup
from app.modules.crm.config import Application
from tests.db.services_world import a_company, a_service
from tests.http.integration_api_world import Receiver, a_receiver, let_private_in
from tests.http.people import Someone, a_user

PLAN = a_service("crm", "special", "300")


@dataclass
class StandIn:
    """`contacts`: phone → (id, name, owner). `made`: what was created, by kind. `is_away`: answers 503."""

    receiver: Receiver
    account: str
    people: dict[str, str] = field(default_factory=lambda: {"11": "First", "12": "m1", "13": "Ilya", "14": "get8"})
    contacts: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    leads: list[str] = field(default_factory=list)
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    is_away: bool = False
    refuses_tokens: bool = False

    @property
    def host(self) -> str:
        return self.receiver.address

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [body for one, body in self.made if one == kind]

    def reply(self, target: str, body: Any) -> tuple[int, str]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.is_away:
            return 503, ""
        if "oauth" in parts.path:
            if self.refuses_tokens:
                return 401, "{}"
            return 200, json.dumps({"access_token": "access", "refresh_token": "refresh", "expires_in": 86400})
        found = self._amo(parts.path, query, body) if parts.path.startswith("/api/v4") else self._bitrix(
            parts.path.removeprefix("/rest/").removesuffix(".json"), body)
        return (204, "") if found is None else (200, json.dumps(found))

    def _amo(self, path: str, query: dict[str, str], body: Any) -> Any:
        what = path.removeprefix("/api/v4/")
        if what == "account":
            return {"id": self.account, "name": f"Account {self.account}"}
        if what == "users":
            return {"_embedded": {"users": [{"id": int(one), "name": name} for one, name in self.people.items()]}}
        if what == "contacts" and not body:
            rows = [{"id": int(one), "name": name, "responsible_user_id": int(owner) if owner else None,
                     "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": phone}]}]}
                    for phone, (one, name, owner) in self.contacts.items() if query["query"] in phone]
            return {"_embedded": {"contacts": rows}} if rows else None
        first = body[0] if isinstance(body, list) else body
        self.made.append((what, first))
        number = 1000 + len(self.made)
        if what == "contacts":
            phone = first["custom_fields_values"][0]["values"][0]["value"]
            self.contacts[phone] = (str(number), first["name"], str(first.get("responsible_user_id", "")))
        return {"_embedded": {what: [{"id": number}]}}

    def _bitrix(self, method: str, body: Any) -> Any:
        if method == "app.info":
            return {"result": {"member_id": self.account}}
        if method == "user.get":
            return {"result": [{"ID": one, "NAME": name, "LAST_NAME": ""} for one, name in self.people.items()]}
        if method == "telephony.externalCall.searchCrmEntities":
            one = self.contacts.get(body["PHONE_NUMBER"])
            return {"result": [{"CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": one[0], "NAME": one[1],
                                "ASSIGNED_BY_ID": one[2]}] if one else []}
        if method == "crm.lead.list":
            return {"result": [{"ID": "77"}] if body["filter"]["PHONE"] in self.leads else []}
        self.made.append((method, body))
        number = 1000 + len(self.made)
        return {"result": {"CALL_ID": f"c{number}"} if method.endswith("register") else number}


@asynccontextmanager
async def a_crm(patch: pytest.MonkeyPatch, account: str) -> AsyncIterator[StandIn]:
    await let_private_in()
    async with a_receiver() as receiver:
        stand_in = StandIn(receiver, account)
        receiver.reply = stand_in.reply
        port = receiver.address
        known = {kind: Application("our-id", "our-secret", ("localhost",), "" if kind == "amocrm" else f"http://{port}",
                                   "http") for kind in ("amocrm", "bitrix24")}
        patch.setattr(config, "applications", lambda: known)
        for module in ("accounts", "clients"):
            patch.setattr(f"app.modules.crm.{module}.applications", lambda: known)
        yield stand_in


async def an_admin(*more: dict, money: str = "10000") -> Someone:
    return await a_user(await a_company(PLAN, *more, money=money), is_admin=True)


async def connected(admin: Someone, crm: StandIn, kind: str = "amocrm") -> accounts.Integration:
    """Connected and with the people of the CRM read."""
    if kind == "amocrm":
        token = await accounts.begin(kind, crm.host, "authorization_code", "code")
    else:
        token = await accounts.begin(kind, crm.host, "", "refresh", access="access")
    found = await accounts.confirm(admin.actor, token, switch_method_off=True)
    await setup.read_people(admin.actor, kind)
    return found


async def mapped(admin: Someone, found: accounts.Integration, numbers: dict[str, str], marked: str) -> None:
    """CRM user → internal number; a user of the domain is made for each."""
    for number in filter(None, numbers.values()):
        async with domain_transaction(admin.actor) as tx:
            if not await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1 AND extension = $2",
                                     tx.domain_id, number):
                await tx.execute("INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, "
                                 "sip_ha1) VALUES ($1, $2, $2, $3, 'x', $4)", tx.domain_id, f"u{number}", number, "0" * 32)
    async with domain_transaction(admin.actor) as tx:
        rows = {one.crm_user_id: one.id for one in await setup.managers(tx, found.id)}
        await setup.save_managers(tx, found, {rows[one]: number for one, number in numbers.items()}, rows[marked])
