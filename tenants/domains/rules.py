"""What a domain may be called and how it is born."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _

# FQDN in lower case: it is part of every SIP address and enters Asterisk's configuration.
DOMAIN_NAME = re.compile(r"(?=.{4,190}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class NewDomain:
    """A domain as ordered; it starts in trial [ACC-02]."""

    name: str
    company_name: str
    tariff_id: int
    node_id: int
    scheme: str = "prepaid"  # prepaid | credit | unlimited
    timezone: str = "Europe/Moscow"
    country: str = "RU"
    area_code: str = "495"
    locale: str = "ru"
    notification_email: str = ""
    max_users: int = 200
    pool_id: int | None = None
    route_number: str | None = None


def check_domain_name(name: str) -> str:
    """The name in its one form: lower case, no spaces around.

    Raises:
        InvalidFields: not a fully qualified domain name.
    """
    cleaned = name.strip().lower()
    if not DOMAIN_NAME.fullmatch(cleaned):
        raise InvalidFields("domain_name", _("A domain name like company.pbx.example is expected"),
                            fields={"name": _("A domain name like company.pbx.example is expected")})
    return cleaned


def trial_end(now: datetime, days: int) -> datetime:
    """When a trial that starts now is over [ACC-D1]."""
    return now + timedelta(days=days)
