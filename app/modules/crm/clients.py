"""REST interfaces of amoCRM (v4) and Bitrix24, as much of them as we need [DECISION of CRM-10]."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from app.modules.crm.config import applications
from app.modules.crm.rules import AMO, BITRIX, Contact
from app.modules.integration_api import network
from app.modules.integration_api.rules import Network, last_digits

SECONDS = 10.0


class CrmError(Exception):
    """The CRM did not do it. `is_final`: our tokens are refused for good."""

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Account:
    """Who a token belongs to."""

    ref: str
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str


class Client:
    """Of one account; `request` raises CrmError."""

    kind = ""

    def __init__(self, address: str, token: str, allowed: tuple[Network, ...] = ()) -> None:
        self.address, self.token, self._allowed = address, token, allowed

    async def request(self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None,
                      seconds: float = SECONDS, address: str = "") -> Any:
        url = f"{address or self.address}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token and self.kind == AMO:
            headers["Authorization"] = f"Bearer {self.token}"
        content = json.dumps(body).encode() if body is not None else b""
        try:
            answer = await network.request(method, url, content, headers, seconds=seconds, allowed=self._allowed)
        except network.Unreachable as away:
            raise CrmError(away.code) from None
        if answer.status == 204:
            return None
        if answer.status in (400, 401, 403) and "oauth" in path:
            raise CrmError("token refused", is_final=True)
        if not answer.is_good:
            raise CrmError(f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}")
        try:
            return json.loads(answer.body or b"null")
        except ValueError:
            raise CrmError("not JSON") from None


def _tokens(found: Any) -> Tokens:
    try:
        return Tokens(str(found["access_token"]), str(found["refresh_token"]), int(found.get("expires_in") or 3600))
    except (TypeError, KeyError, ValueError):
        raise CrmError("no tokens", is_final=True) from None


class Amo(Client):
    """Numbers are compared by their last ten digits."""

    kind = AMO

    async def tokens(self, grant: str, value: str, redirect: str) -> Tokens:
        """`grant`: authorization_code or refresh_token."""
        own = applications()[AMO]
        field = "code" if grant == "authorization_code" else "refresh_token"
        return _tokens(await self.request("POST", "/oauth2/access_token", {
            "client_id": own.client_id, "client_secret": own.client_secret, "grant_type": grant, field: value,
            "redirect_uri": redirect}))

    async def account(self) -> Account:
        found = await self.request("GET", "/api/v4/account")
        return Account(str(found["id"]), str(found.get("name") or found["id"])[:200])

    async def people(self) -> list[Person]:
        found = await self.request("GET", "/api/v4/users", query={"limit": "250"})
        return [Person(str(one["id"]), str(one.get("name", ""))[:200]) for one in _embedded(found, "users")]

    async def contact(self, phone: str, seconds: float = SECONDS) -> Contact | None:
        digits = last_digits(phone)
        found = await self.request("GET", "/api/v4/contacts", query={"query": digits, "limit": "50"}, seconds=seconds)
        for one in _embedded(found, "contacts"):
            values = [str(value.get("value", "")) for field in one.get("custom_fields_values") or []
                      if field.get("field_code") == "PHONE" for value in field.get("values", [])]
            if any(last_digits(value) == digits for value in values):
                return Contact(str(one["id"]), str(one.get("name", "")), str(one.get("responsible_user_id") or ""))
        return None

    async def add(self, what: str, body: dict[str, Any]) -> str:
        """A contact, lead or task; its id."""
        found = await self.request("POST", f"/api/v4/{what}", [body])
        try:
            return str(_embedded(found, what)[0]["id"])
        except (IndexError, KeyError):
            raise CrmError("nothing was made") from None

    async def set_owner(self, contact: str, owner: str) -> None:
        await self.request("PATCH", f"/api/v4/contacts/{quote(contact)}", {"responsible_user_id": int(owner)})

    async def note_call(self, call: dict[str, Any]) -> None:
        """The call in the feed of the contact [CRM-23]."""
        await self.request("POST", "/api/v4/calls", [call])


class Bitrix(Client):
    kind = BITRIX

    async def call(self, method: str, fields: dict[str, Any], seconds: float = SECONDS) -> Any:
        found = await self.request("POST", f"/rest/{method}.json", fields | {"auth": self.token}, seconds=seconds)
        if not isinstance(found, dict) or found.get("error"):
            raise CrmError(str(found)[:200], is_final=isinstance(found, dict) and found.get("error") in (
                "invalid_grant", "PAYMENT_REQUIRED", "application_not_installed"))
        return found.get("result")

    async def tokens(self, grant: str, value: str, _redirect: str = "") -> Tokens:
        own = applications()[BITRIX]
        field = "code" if grant == "authorization_code" else "refresh_token"
        return _tokens(await self.request("GET", "/oauth/token/", query={
            "grant_type": grant, "client_id": own.client_id, "client_secret": own.client_secret, field: value},
            address=own.oauth))

    async def account(self) -> Account:
        found = await self.call("app.info", {})
        ref = str(found.get("member_id") or found.get("ID") or "")
        if not ref:
            raise CrmError("no account")
        return Account(ref, self.address.partition("://")[2])

    async def people(self) -> list[Person]:
        found = await self.call("user.get", {"FILTER": {"ACTIVE": True}})
        return [Person(str(one["ID"]), f"{one.get('NAME', '')} {one.get('LAST_NAME', '')}".strip()[:200])
                for one in found or []]

    async def contact(self, phone: str, seconds: float = SECONDS) -> Contact | None:
        """A contact before a lead."""
        found = await self.call("telephony.externalCall.searchCrmEntities", {"PHONE_NUMBER": phone}, seconds) or []
        known = [one for one in found if one.get("CRM_ENTITY_TYPE") in ("CONTACT", "LEAD")]
        known.sort(key=lambda one: one["CRM_ENTITY_TYPE"] != "CONTACT")
        if not known:
            return None
        one = known[0]
        return Contact(str(one["CRM_ENTITY_ID"]), str(one.get("NAME", "")), str(one.get("ASSIGNED_BY_ID") or ""),
                       one["CRM_ENTITY_TYPE"].lower())


def _embedded(found: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(found, dict):
        return []
    inside = found.get("_embedded")
    rows = inside.get(name) if isinstance(inside, dict) else None
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def client_of(kind: str, address: str, token: str, allowed: tuple[Network, ...] = ()) -> Amo | Bitrix:
    return (Amo if kind == AMO else Bitrix)(address, token, allowed)
