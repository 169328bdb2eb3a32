"""What a visitor's browser asks of a widget: how it looks now, a challenge, and the request itself [WGT-D5…D8]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.errors import AppError, NotFound
from app.kernel.i18n import _, format_phone
from billing.accounts.blocks import is_blocked
from billing.services import service as services
from tenants.calls import orders
from tenants.destinations.model import Destination, Kind
from widgets import letters, queries, rules
from widgets.queries import Widget
from widgets.rules import Conditions, Verdict
from widgets.service import CALLBACK, CODE

RING_SECONDS = 300  # the object's own times end the call before
LISTED = {Verdict.BLACK: "black", Verdict.NOT_WHITE: "not_white"}


class Unavailable(AppError):
    """The company is blocked: nobody would call back [GEN-D3]."""

    status_code = 503


@dataclass(frozen=True, slots=True)
class Visit:
    """A widget as a visitor meets it; `local`: now in the domain's zone."""

    widget: Widget
    locale: str
    zone: str
    local: datetime

    @property
    def is_open(self) -> bool:
        return rules.is_open(self.widget.schedule, self.local)


async def visit(tx: DomainTx, widget_id: int) -> Visit | None:
    """None: it shows nothing, because it is off or its service is."""
    found = await queries.widget(tx, widget_id)
    if not found.is_on or found.target is None or await services.closed(tx, CODE):
        return None
    row = await tx.fetchrow("SELECT locale, timezone FROM domain WHERE id = $1", tx.domain_id)
    assert row is not None
    return Visit(found, row["locale"], row["timezone"], tx.now.astimezone(ZoneInfo(row["timezone"])))


async def allows(tx: DomainTx, widget_id: int, host: str) -> bool:
    """The site is in the list of domains, or there is none [WGT-60]."""
    return rules.is_allowed(host, [one.value for one in await queries.domains(tx, widget_id)])


async def available(tx: DomainTx) -> None:
    """Raises Unavailable."""
    if await is_blocked(tx):
        raise Unavailable("unavailable", _("Callbacks are not possible at the moment."))


async def config(tx: DomainTx, seen: Visit) -> dict[str, object]:
    """For the script; counts one page view [WGT-D10]. Texts are plain text, the script escapes them."""
    await queries.count(tx, seen.widget.id, seen.local.date(), "views")
    looks = seen.widget.appearance
    greeting = looks.greeting_open if seen.is_open else looks.greeting_closed
    shown = looks.model_dump(mode="json", exclude={"greeting_open", "greeting_closed"})
    return {"appearance": shown | {"greeting": greeting}, "open": seen.is_open,
            "captcha": {"on": seen.widget.captcha, "key": "altcha-sha256" if seen.widget.captcha else ""},
            "terms_url": await parameters.get(tx, "widget.terms_url"), "language": seen.locale, "texts": texts_of()}


def texts_of() -> dict[str, str]:
    """Words of the visitor's window that the tenant does not choose, in the language in force."""
    return {"phone": _("Telephone number"), "message": _("Message (not required)"), "close": _("Close"),
            "sending": _("Sending…"), "terms": _("By sending you agree to the processing of your data"),
            "failed": _("It did not work. Please try again later."),
            "no_number": _("Enter a telephone number in Russia, such as +7 495 123-45-67.")}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a visitor's browser sent, as it came; `ip`: its address."""

    phone: str
    message: str
    page_url: str
    ip: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Shown to the visitor: status of HTTP and text; `wait_seconds`: when he may try again."""

    status: int
    code: str
    text: str
    wait_seconds: int = 0


async def take(tx: DomainTx, seen: Visit, sent: Sent) -> Answer:
    """The checks after the site and the CAPTCHA, the log, and the callback or the letter [WGT-D7, WGT-D8, WGT-D11].

    Of two requests at the same moment the second meets the first one's time.

    Raises:
        NotFound: the widget is off by now.
    """
    widget = await queries.widget(tx, seen.widget.id, lock=True)
    if not widget.is_on:  # switched off since the visitor's request came in
        raise NotFound("not_found", _("There is no such widget."))
    seen = replace(seen, widget=widget)
    lists = await queries.number_lists(tx, widget.id)
    wait = rules.wait_seconds(widget.intensity_seconds, widget.taken_at, tx.now)
    phone = rules.russian(sent.phone)
    found = rules.verdict(phone, Conditions(lists["white"], lists["black"], wait, seen.is_open))
    kept = phone or rules.digits_of(sent.phone)
    if kept:
        request_id = await _write(tx, seen, sent, kept, found)
        if found.is_taken:
            await _accept(tx, seen, sent, phone, request_id, found)
    return _answer(found, seen.is_open, wait)


async def _write(tx: DomainTx, seen: Visit, sent: Sent, phone: str, found: Verdict) -> int:
    who = await queries.object_name(tx, seen.widget)
    result = {Verdict.CALL: "waiting", Verdict.MESSAGE: "message"}.get(found, "refused")
    return await tx.fetchval(
        "INSERT INTO widget_request (domain_id, widget_id, at, phone, ip, page_url, event, message, list_hit, result, "
        "reason, object_type, object_id, object_name, object_number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "$11, $12, $13, $14, $15) RETURNING id", tx.domain_id, seen.widget.id, tx.now, phone, sent.ip,
        rules.page_address(sent.page_url), "call" if seen.is_open else "message", sent.message,
        LISTED.get(found, "none"), result, "" if found.is_taken else found.value, seen.widget.dist_type,
        seen.widget.object_id, who.name if who else "", who.detail if who else "")


async def _accept(tx: DomainTx, seen: Visit, sent: Sent, phone: str, request_id: int, found: Verdict) -> None:
    widget = seen.widget
    assert widget.target is not None
    await tx.execute("UPDATE widget SET taken_at = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, widget.id,
                     tx.now)
    await queries.count(tx, widget.id, seen.local.date(), "received")
    if found is Verdict.CALL:
        order_id = await orders.order(
            tx, kind=CALLBACK, ref=str(request_id), first=widget.target,
            then=Destination(Kind.NUMBER, number=f"8{phone[1:]}"),
            payer_user_id=widget.user_id, shown_number=phone, shown_name=widget.name, ring_seconds=RING_SECONDS)
        await tx.execute("UPDATE widget_request SET order_id = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                         request_id, order_id)
    else:
        await letters.send(tx, "widget_message", widget=widget.name, phone=format_phone(f"+{phone}"),
                           message=sent.message, page=rules.page_address(sent.page_url), at=tx.now,
                           link=letters.address(widget.id, "/log"))


def _answer(found: Verdict, is_open: bool, wait: int) -> Answer:
    """The same for accepted numbers and for those of the lists, so that nobody can try the lists out."""
    if found is Verdict.NOT_RUSSIAN:
        return Answer(400, "bad_number", _("Enter a telephone number in Russia, such as +7 495 123-45-67."))
    if found is Verdict.LIMIT:
        return Answer(429, "limit", _("Please try again in %(n)s s.") % {"n": wait}, wait)
    return Answer(202, "accepted", _("Thank you! We are calling you back now.") if is_open else
                  _("Thank you! We will call you back in working hours."))


async def count_failed_captcha(tx: DomainTx, seen: Visit) -> None:
    await queries.count(tx, seen.widget.id, seen.local.date(), "captcha_failed")
