"""Letters of widgets to the domain's notification address [WGT-D3, WGT-D8]."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.kernel import letters
from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.settings import settings

letters.letter(
    "widget_off", lazy("Callback widget switched off"), lazy("The widget «{{ widget }}» is switched off"),
    lazy("The group or user that handled the requests of the widget «{{ widget }}» was deleted. The widget is switched "
         "off and is not shown on the site. Choose who handles the requests and switch it on again:\n\n{{ link }}\n"),
    widget="Callback", link="https://pbx.example/widgets/1")
letters.letter(
    "widget_message", lazy("Callback request outside working hours"),
    lazy("Request to call back: {{ phone }}"),
    lazy("On {{ at }} a visitor of the site left a request in the widget «{{ widget }}» outside working hours.\n\n"
         "Number: {{ phone }}\n{% if message %}\nMessage: {{ message }}\n{% endif %}{% if page %}\nPage: {{ page }}\n"
         "{% endif %}\nRequest log: {{ link }}\n"),
    widget="Callback", phone="+7 495 123-45-67", message="", page="", at=datetime(2026, 4, 21, 18, 2, tzinfo=UTC),
    link="https://pbx.example/widgets/1/log")


def address(widget_id: int, tab: str = "") -> str:
    return f"{settings().public_url}/widgets/{widget_id}{tab}"


async def send(tx: DomainTx, letter: str, **facts: Any) -> None:
    """Nothing is sent where the domain has given no address."""
    row = await tx.fetchrow("SELECT locale, timezone, notification_email FROM domain WHERE id = $1", tx.domain_id)
    if row is not None and row["notification_email"]:
        await letters.queue(tx, letter, row["notification_email"], row["locale"], zone=row["timezone"], **facts)
