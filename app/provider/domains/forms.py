"""Input of the domain pages: text → commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, field_validator

from app.kernel.i18n import _
from app.kernel.money import Money
from app.web.forms import FormModel
from billing.accounts.rules import Scheme
from tenants.domains.rules import NewDomain
from tenants.users.rules import NewUser

SchemeCode = Literal["prepaid", "credit", "unlimited"]
Reference = Annotated[int, Field(gt=0, lt=2**63)]


def known_zone(name: str) -> str:
    """An IANA name of a place; a name like a path is refused before the system looks it up.

    Raises:
        ValueError: with a text for the reader.
    """
    if name not in available_timezones():
        raise ValueError(_("Choose a time zone from the list, like Europe/Moscow."))
    ZoneInfo(name)
    return name


def plain_text(text: str) -> str:
    """One line without control characters. Raises ValueError with a text for the reader."""
    if not text.isprintable():
        raise ValueError(_("Line ends and control characters are not allowed"))
    return text


class NewDomainForm(FormModel):
    """The domain and its first administrator in one step."""

    name: Annotated[str, Field(min_length=1, max_length=190)]
    company_name: Annotated[str, Field(min_length=1, max_length=200)]
    tariff_id: Reference
    node_id: Reference
    pool_id: Reference | None = None
    scheme: SchemeCode = "prepaid"
    timezone: str = "Europe/Moscow"
    area_code: Annotated[str, Field(pattern=r"^[0-9]{0,6}$")] = ""
    notification_email: str = ""
    admin_name: Annotated[str, Field(min_length=1, max_length=128)]
    admin_login: Annotated[str, Field(min_length=1, max_length=64)]
    admin_email: str = ""
    admin_password: Annotated[str, Field(min_length=1, max_length=64)]

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("company_name")
    @classmethod
    def _company(cls, value: str) -> str:
        return plain_text(value)

    @field_validator("notification_email")
    @classmethod
    def _email(cls, value: str) -> str:
        if value:
            try:
                validate_email(value, check_deliverability=False)
            except EmailNotValidError:
                raise ValueError(_("Enter an e-mail address like name@company.example.")) from None
        return value

    def domain(self) -> NewDomain:
        return NewDomain(
            name=self.name, company_name=self.company_name, tariff_id=self.tariff_id, node_id=self.node_id,
            scheme=self.scheme, timezone=self.timezone, area_code=self.area_code, pool_id=self.pool_id,
            notification_email=self.notification_email or self.admin_email)

    def administrator(self) -> NewUser:
        return NewUser(login=self.admin_login, display_name=self.admin_name, password=self.admin_password,
                       email=self.admin_email, is_admin=True)


class CommercialForm(FormModel):
    """The customer signed: tariff and scheme [ACC-D3]."""

    tariff_id: Reference
    scheme: SchemeCode


class TermsForm(FormModel):
    """Scheme and credit limit; an empty limit means: the provider's default holds."""

    scheme: SchemeCode
    credit_limit: Annotated[Decimal | None, Field(gt=0, max_digits=14, decimal_places=2)] = None

    def terms(self) -> tuple[Scheme, Money | None]:
        scheme = Scheme(self.scheme)
        limit = None if self.credit_limit is None or scheme is not Scheme.CREDIT else Money(self.credit_limit)
        return scheme, limit


class TariffForm(FormModel):
    tariff_id: Reference


class LimitsForm(FormModel):
    max_users: Annotated[int, Field(ge=1, le=100_000)]
    max_paid_calls: Annotated[int, Field(ge=1, le=10_000)]


class BlockForm(FormModel):
    reason: Annotated[str, Field(min_length=3, max_length=500)]

    @field_validator("reason")
    @classmethod
    def _reason(cls, value: str) -> str:
        return plain_text(" ".join(value.split()))
