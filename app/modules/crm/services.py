"""CRM integration as a paid service: counted by connected CRMs, on by connecting one [CRM-01, CRM-02, CRM-07]."""

from __future__ import annotations

from app.kernel.i18n import lazy
from billing.services.catalogue import Descriptor, register

register(Descriptor(
    "crm", lazy("CRM integration"), lazy("Calls and customers in one window."),
    lazy("It switches on by itself when the integration is started in your CRM; every connected CRM is counted."),
    "link", functions=frozenset({"CRM"}),
    count="SELECT domain_id, count(*)::int FROM crm_integration WHERE domain_id = ANY($1::bigint[]) "
          "GROUP BY domain_id"))
