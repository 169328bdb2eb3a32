"""Input of the domain pages: text → commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator

from app.kernel.money import Money
from app.provider.domains.profile import Profile
from app.provider.fields import Email, Line, Reference, Zone, plain_text
from app.web.forms import FormModel
from billing.accounts.rules import Scheme
from tenants.domains.rules import NewDomain
from tenants.users.rules import NewUser

SchemeCode = Literal["prepaid", "credit", "unlimited"]


class NewDomainForm(FormModel):
    """The domain and its first administrator in one step."""

    name: Annotated[str, Field(min_length=1, max_length=190)]
    company_name: Annotated[Line, Field(min_length=1, max_length=200)]
    tariff_id: Reference
    node_id: Reference
    pool_id: Reference | None = None
    scheme: SchemeCode = "prepaid"
    timezone: Zone = "Europe/Moscow"
    area_code: Annotated[str, Field(pattern=r"^[0-9]{0,6}$")] = ""
    notification_email: Email = ""
    admin_name: Annotated[str, Field(min_length=1, max_length=128)]
    admin_login: Annotated[str, Field(min_length=1, max_length=64)]
    admin_email: str = ""
    admin_password: Annotated[str, Field(min_length=1, max_length=64)]

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
    quoted: Annotated[str | None, Field(max_length=100)] = None  # Quote.mark of the amounts shown


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
    quoted: Annotated[str | None, Field(max_length=2000)] = None  # mark of the amounts shown


class LimitsForm(FormModel):
    max_users: Annotated[int, Field(ge=1, le=100_000)]
    max_paid_calls: Annotated[int, Field(ge=1, le=10_000)]
    credit_max: Annotated[Decimal | None, Field(gt=0, max_digits=14, decimal_places=2)] = None
    number_purchases: Literal["on", "off"] = "on"


class ProfileForm(FormModel):
    """What only the provider sets [SET-03]."""

    company_name: Annotated[Line, Field(min_length=1, max_length=200)]
    display_name: Annotated[Line, Field(min_length=1, max_length=100)]
    notification_email: Email = ""
    timezone: Zone
    locale: Literal["ru", "en"]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    area_code: Annotated[str, Field(pattern=r"^[0-9]{0,6}$")] = ""
    pbx_node_id: Reference

    def profile(self) -> Profile:
        return Profile(**self.model_dump())


class EnterForm(FormModel):
    """Nobody chosen: as the domain's administrator."""

    user_id: Reference | None = None


class BlockForm(FormModel):
    reason: Annotated[str, Field(min_length=3, max_length=500)]

    @field_validator("reason")
    @classmethod
    def _reason(cls, value: str) -> str:
        return plain_text(" ".join(value.split()))
