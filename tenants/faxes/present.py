"""Words of faxes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.kernel.i18n import _, lazy
from tenants.journal import long_time

# The three of ACC-60 / FAX-03, and what comes before a file is formed
STATES = {
    "new": ("secondary", lazy("Queued")), "converting": ("secondary", lazy("Being converted")),
    "ready": ("info", lazy("File formed")), "sending": ("info", lazy("File formed")),
    "received": ("info", lazy("File formed")), "delivered": ("success", lazy("Delivered")),
    "failed": ("danger", lazy("Not delivered")), "cancelled": ("secondary", lazy("Not delivered")),
}
KINDS = {True: ("arrow-down", lazy("Incoming fax")), False: ("arrow-up", lazy("Outgoing fax"))}
DIRECTIONS = {"in": lazy("received faxes"), "out": lazy("sent faxes")}
REASONS = {
    "encrypted": lazy("the document is protected by a password"), "macros": lazy("the document contains macros"),
    "too_many_pages": lazy("the document has too many pages"), "too_large": lazy("the document is too large"),
    "no_office": lazy("Word documents cannot be converted here"),
    "office": lazy("the document could not be read in time"),
    "broken": lazy("the document is damaged"), "empty": lazy("the document has no pages"),
    "busy": lazy("the number is busy"), "no_answer": lazy("nobody answered"),
    "refused": lazy("the call was refused: blocked, restricted or not enough money"),
    "wrong_number": lazy("there is no such number"), "unreachable": lazy("the number could not be reached"),
    "interrupted": lazy("the exchange was restarted during the attempt"), "blocked": lazy("the domain is blocked"),
    "no_fax": lazy("the other side did not answer as a fax"),
}


def event_text(event: str, facts: dict[str, Any]) -> str:
    """One line of the protocol [FAX-06]."""
    reason = str(facts.get("reason", ""))
    known = {"reason": REASONS.get(reason, reason), "number": facts.get("number", ""), "pages": facts.get("pages", ""),
             "document": facts.get("document", ""), "at": _moment(facts.get("at"))}
    if event == "send_given" and known["at"]:
        event = "send_planned"
    if event == "received" and not facts.get("complete", True):
        event = "received_in_part"
    texts = {
        "uploaded": _("Document uploaded: %(document)s"), "send_given": _("The command “Send” was given in the dialog"),
        "send_planned": _("The command “Send” was given in the dialog, for %(at)s"),
        "conversion_taken": _("Taken for conversion"), "converted": _("Conversion succeeded, pages: %(pages)s"),
        "conversion_failed": _("Conversion failed: %(reason)s"), "attempt_begun": _("Attempt %(number)s begun"),
        "attempt_failed": _("Attempt %(number)s failed: %(reason)s"), "retry_scheduled": _("Repeat planned for %(at)s"),
        "delivered": _("Delivery succeeded, pages: %(pages)s"),
        "not_delivered": _("Not delivered: no attempts are left"),
        "cancelled": _("Cancelled by the sender"), "received": _("Fax received, pages: %(pages)s"),
        "received_in_part": _("Fax received in part, pages: %(pages)s"), "mailed": _("Sent to the e-mail"),
        "mail_failed": _("The letter could not be sent"),
    }
    return texts[event] % known if event in texts else event


def _moment(text: object) -> str:
    return long_time(datetime.fromisoformat(text)) if isinstance(text, str) and text else ""
