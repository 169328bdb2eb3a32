"""What the PBX answers to an external system, method by method [API-08…14, API-62…69].

Each takes the domain's transaction and the parameters of the request and returns the fields of the answer; `ApiError`
says what the result is otherwise.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from app.kernel import files, outbox
from app.kernel.db import DomainTx
from app.kernel.errors import AppError
from app.modules.integration_api import calls, rules
from app.modules.integration_api.methods import GET_RESTRICTION, SET_RESTRICTION, ApiError, Code
from app.settings import settings
from billing.accounts.service import is_blocked
from tenants.calls import orders, sessions
from tenants.destinations.model import Destination, Kind
from tenants.numbers.rules import NotANumber, Restriction, effective_restriction, normalise, place_of
from tenants.users import service as users

MOSCOW = ZoneInfo("Europe/Moscow")  # times of the interface [DECISION of 1.7]
LINK_HOURS, FILE_DAYS = 1, 7
LONGEST_EXTENSION = 5
LONGEST_CHARGES, LONGEST_HISTORY = timedelta(days=31), timedelta(days=366)
EXPORT_ORDERED = "api_export_ordered"
Fields = dict[str, Any]
Body = Mapping[str, Any]


class File(dict[str, Any]):
    """An answer that is a file: `content`, `name`."""


def text(body: Body, name: str, longest: int = 200) -> str:
    """A text or a number of the request; "" when it is absent.

    Raises:
        ApiError: of another type.
    """
    value = body.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ApiError(Code.PARAMETERS, f"{name}: a text is expected")
    found = str(value).strip()
    if len(found) > longest or not found.isprintable():
        raise ApiError(Code.PARAMETERS, f"{name}: not valid")
    return found


def number(body: Body, name: str, least: int, most: int, default: int | None = None) -> int:
    value = text(body, name)
    if not value and default is not None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 18 or not least <= int(value) <= most:
        raise ApiError(Code.PARAMETERS, f"{name}: a whole number from {least} to {most} is expected")
    return int(value)


def moment(body: Body, name: str) -> datetime:
    """`YYYY-MM-DD HH:MM:SS[.mmm]` in Moscow."""
    value = text(body, name)
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"):
        try:
            return datetime.strptime(value, form).replace(tzinfo=MOSCOW).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise ApiError(Code.PARAMETERS, f"{name}: YYYY-MM-DD HH:MM:SS is expected")


def moscow(at: datetime) -> str:
    return f"{at.astimezone(MOSCOW):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"


def interval(body: Body, longest: timedelta) -> tuple[datetime, datetime]:
    since, until = moment(body, "date_start"), moment(body, "date_end")
    if until < since:
        raise ApiError(Code.PARAMETERS, "date_end is before date_start")
    if until - since > longest:
        raise ApiError(Code.PARAMETERS, f"the period is longer than {longest.days} days")
    return since, until


async def domain_name(tx: DomainTx) -> str:
    return await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)


async def _check_domain(tx: DomainTx, body: Body) -> str:
    """`domain` is optional; another domain's name is not believed."""
    own, named = await domain_name(tx), text(body, "domain").lower()
    if named and named != own:
        raise ApiError(Code.PARAMETERS, "domain: not yours")
    return own


async def _user(tx: DomainTx, *, pin: str = "", login: str = "") -> asyncpg.Record:
    if not pin and not login:
        raise ApiError(Code.PARAMETERS, "user_pin or user_name is expected")
    row = await tx.fetchrow("SELECT id, login, extension, outgoing_restriction FROM domain_user WHERE domain_id = $1 "
                            "AND ($2 = '' OR extension = $2) AND ($3 = '' OR login = $3)", tx.domain_id, pin, login)
    if row is None:
        raise ApiError(Code.NO_USER, "user not found")
    return row


async def _named_user(tx: DomainTx, body: Body) -> asyncpg.Record:
    return await _user(tx, pin=text(body, "user_pin"), login=text(body, "user_name").lower())


async def _session(tx: DomainTx, body: Body) -> sessions.CallKey:
    wanted = sessions.parse(text(body, "session_id"))
    found = await sessions.find(tx, wanted) if wanted else None
    if found is None:
        raise ApiError(Code.NO_SESSION, "call not found")
    return found


# ---------------------------------------------------------------- methods


async def users_info(tx: DomainTx, body: Body) -> Fields:
    await _check_domain(tx, body)
    pin, login = text(body, "user_pin"), text(body, "user_name").lower()
    rows = await tx.fetch(
        "SELECT u.display_name, u.login AS name, u.extension AS pin, u.email, u.is_operator, "
        "u.is_admin AS is_supervisor, u.recording_on AS recording, ARRAY(SELECT g.name FROM group_member m "
        "JOIN call_group g ON g.domain_id = m.domain_id AND g.id = m.group_id WHERE m.domain_id = u.domain_id "
        "AND m.user_id = u.id ORDER BY g.name) AS groups FROM domain_user u WHERE u.domain_id = $1 "
        "AND ($2 = '' OR u.extension = $2) AND ($3 = '' OR u.login = $3) ORDER BY lower(u.display_name), u.id",
        tx.domain_id, pin, login)
    if (pin or login) and not rows:
        raise ApiError(Code.NO_USER, "user not found")
    return {"users": [dict(row) for row in rows]}


async def call_info(tx: DomainTx, body: Body) -> Fields:
    found = await calls.one(tx, await _session(tx, body), await domain_name(tx))
    if found is None:
        raise ApiError(Code.NO_SESSION, "call not found")
    found.pop("session_id")
    return {"info": found}


async def get_record(tx: DomainTx, body: Body) -> Fields:
    """A link that nobody can guess, good for an hour, for one address if one is told [API-63]."""
    key = await _session(tx, body)
    told = text(body, "ip_adress") or text(body, "ip_address")
    try:
        address = ip_address(told) if told else None
    except ValueError:
        raise ApiError(Code.PARAMETERS, "ip_adress: not an IP address") from None
    file_id = await recording_file(tx, key)
    if file_id is None:
        raise ApiError(Code.NO_RECORD, "there is no recording, or it is not ready")
    return {"url": await record_link(tx, file_id, address=address, until=tx.now + timedelta(hours=LINK_HOURS))}


async def recording_file(tx: DomainTx, key: sessions.CallKey) -> int | None:
    """The longest recording of a call."""
    return await tx.fetchval(
        "SELECT file_id FROM call_recording WHERE domain_id = $1 AND node_id = $2 AND linkedid = $3 "
        "ORDER BY seconds DESC, id LIMIT 1", tx.domain_id, key.node_id, key.linkedid)


async def record_link(tx: DomainTx, file_id: int, *, address: object = None, until: datetime) -> str:
    token = secrets.token_urlsafe(32)
    await tx.execute("INSERT INTO api_record_link (hash, domain_id, file_id, ip, expires_at) "
                     "VALUES ($1, $2, $3, $4, $5)", hashlib.sha256(token.encode()).hexdigest(), tx.domain_id, file_id,
                     address, until)
    return f"{settings().public_url}/pbx-api/record/{token}"


async def call_back(tx: DomainTx, body: Body) -> Fields:
    """The user's phone rings first; when he answers, the number is called [API-08, API-62]."""
    domain = await _check_domain(tx, body)
    pin, sip = text(body, "from_pin"), text(body, "from_sipuri")
    login = rules.sip_login(sip, domain) if sip else ""
    if sip and not login:
        raise ApiError(Code.NO_USER, "user not found")
    wanted = await dialled(tx, text(body, "request_number"))
    user = await _user(tx, pin=pin, login=login)
    if await is_blocked(tx):
        raise ApiError(Code.CALL_NOT_STARTED, "the domain is blocked")
    order_id = await orders.order(tx, kind=calls.KIND, ref="", first=Destination(Kind.USER, user["id"]),
                                  then=Destination(Kind.NUMBER, number=wanted), payer_user_id=user["id"],
                                  shown_number=wanted)
    return {"session_id": str(sessions.order_session(order_id))}


async def dialled(tx: DomainTx, number: str) -> str:
    """A number in any form (E.164 with or without +, a SIP URI, an extension) as a user of the domain would dial it.

    Raises:
        ApiError: no number.
    """
    plain = number.removeprefix("sip:").partition("@")[0]
    if plain.isascii() and plain.isdigit() and len(plain) <= LONGEST_EXTENSION:
        return plain
    row = await tx.fetchrow("SELECT country, area_code FROM domain WHERE id = $1", tx.domain_id)
    assert row is not None
    try:
        e164 = normalise(plain, place_of(row["country"], row["area_code"]))
    except NotANumber:
        raise ApiError(Code.PARAMETERS, "request_number: a telephone number is expected") from None
    if row["country"] in ("RU", "KZ"):
        return f"8{e164[1:]}" if e164[0] == "7" and len(e164) == 11 else f"810{e164}"
    return f"00{e164}"


async def get_restriction(tx: DomainTx, body: Body) -> Fields:
    return await _restriction(tx, await _named_user(tx, body))


async def set_restriction(tx: DomainTx, body: Body) -> Fields:
    user = await _named_user(tx, body)
    if "restriction" not in body:
        raise ApiError(Code.PARAMETERS, "restriction is expected")
    await users.set_restriction(tx, user["id"], list(Restriction)[number(body, "restriction", 0, 3)])
    return await _restriction(tx, await _user(tx, login=user["login"]))


async def _restriction(tx: DomainTx, user: asyncpg.Record) -> Fields:
    of_domain = Restriction(await tx.fetchval("SELECT default_restriction FROM domain WHERE id = $1", tx.domain_id))
    own = Restriction(user["outgoing_restriction"]) if user["outgoing_restriction"] else None
    return {"restriction": effective_restriction(own, of_domain).api_code, "is_individual": own is not None}


async def user_calls_charges(tx: DomainTx, body: Body) -> Fields:
    since, until = interval(body, LONGEST_CHARGES)
    user = await _named_user(tx, body)
    found = await calls.charges(tx, user["id"], since, until)
    for call in found:
        call["date"] = moscow(call["date"])[:19]
    return {"calls_count": len(found), "calls": found}


async def domain_call_history(tx: DomainTx, body: Body) -> Fields:
    """Orders the file and does not wait for it [API-13, API-68]."""
    since, until = interval(body, LONGEST_HISTORY)
    filters = {"since": since.isoformat(), "until": until.isoformat(), "direction": number(body, "direction", 0, 3, 0),
               "state": number(body, "state", 0, 2, 0), "phone": rules.last_digits(text(body, "phone_number"))}
    order_id = await tx.fetchval("INSERT INTO api_export (domain_id, filters, created_at) VALUES ($1, $2, $3) "
                                 "ON CONFLICT DO NOTHING RETURNING id", tx.domain_id, filters, tx.now)
    if order_id is None:
        raise ApiError(Code.ORDER_EXISTS, "the same order is in progress already")
    await outbox.publish(tx, EXPORT_ORDERED, {"id": order_id})
    return {"order_id": str(order_id)}


async def download_call_history(tx: DomainTx, body: Body) -> Fields:
    order_id = text(body, "order_id", 18)
    row = await tx.fetchrow("SELECT state, file_id FROM api_export WHERE domain_id = $1 AND id = $2", tx.domain_id,
                            int(order_id) if order_id.isascii() and order_id.isdigit() else 0)
    if row is None or row["state"] in ("expired", "failed"):
        raise ApiError(Code.NO_ORDER, "order not found")
    if row["state"] != "ready" or row["file_id"] is None:
        raise ApiError(Code.ORDER_NOT_READY, "the file is not ready")
    try:
        stored = await files.load(tx, row["file_id"])
    except AppError:
        raise ApiError(Code.NO_ORDER, "order not found") from None
    return File(content=stored.content, name=stored.name)


ANSWERS: dict[str, Callable[[DomainTx, Body], Awaitable[Fields]]] = {
    "users_info": users_info, "call_info": call_info, "get_record": get_record, "call_back": call_back,
    GET_RESTRICTION: get_restriction, SET_RESTRICTION: set_restriction, "user_calls_charges": user_calls_charges,
    "domain_call_history": domain_call_history, "download_call_history": download_call_history,
}
