"""Numbers as a paid service: those beyond the plan's included ones [NUM-51].

A plan may price a category of its own: then its numbers are counted there and not among the others.
"""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from billing.services.catalogue import Descriptor, register
from billing.tariffs.terms import plan_of

ADDITIONAL_NUMBER = "additional_number"
OF_CATEGORY = {"toll_free": "additional_number_toll_free", "mobile": "additional_number_mobile"}

_OTHERS = """
SELECT n.domain_id, count(*) FROM phone_number n JOIN account a ON a.domain_id = n.domain_id
WHERE n.domain_id = ANY($1::bigint[]) AND NOT EXISTS (
    SELECT FROM plan_service s WHERE s.version_id = tariff_version_at(a.tariff_id, now())
    AND s.service = 'additional_number_' || n.category)
GROUP BY n.domain_id
"""
_OF_CATEGORY = ("SELECT domain_id, count(*) FROM phone_number WHERE domain_id = ANY($1::bigint[]) "
                "AND category = '{}' GROUP BY domain_id")


async def service_of(tx: DomainTx, category: str) -> str:
    """By which service of the plan in force a number of the category is paid."""
    own = OF_CATEGORY.get(category, "")
    return own if own in (await plan_of(tx)).services else ADDITIONAL_NUMBER


register(Descriptor(
    ADDITIONAL_NUMBER, lazy("Fee for an additional number"),
    lazy("A city number of its own for an employee, a department or a branch."),
    lazy("Every number beyond those that the tariff includes costs this fee. Customers reach the right people at once, "
         "and a separate number in an advertisement shows how many calls it brings."),
    "phone", configure="/numbers", needs_plan=False, order=30,
    count=_OTHERS), Descriptor(
    OF_CATEGORY["toll_free"], lazy("Fee for an additional toll-free number"),
    lazy("A number whose callers pay nothing."), icon="phone", configure="/numbers", order=31,
    count=_OF_CATEGORY.format("toll_free")), Descriptor(
    OF_CATEGORY["mobile"], lazy("Fee for an additional mobile number"), lazy("A mobile number of the company."),
    icon="phone", configure="/numbers", order=32, count=_OF_CATEGORY.format("mobile")))
