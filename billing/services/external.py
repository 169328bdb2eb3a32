"""Counters that external modules report [SVC-20, SVC-D2]."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _

MOST = 2**31 - 1
AHEAD = timedelta(minutes=5)  # clocks of modules differ
KEPT = timedelta(days=92)


async def report_counter(tx: DomainTx, service: str, value: int, measured_at: datetime) -> None:
    """A module counted `value` instances at that moment; the last value before a day begins is charged for that day.
    The same report again changes nothing.

    Raises:
        InvalidFields: a negative or too large value, or a moment that is still to come.
    """
    if not 0 <= value <= MOST:
        raise InvalidFields("value", _("A whole number from 0 is expected"))
    if measured_at > tx.now + AHEAD:
        raise InvalidFields("measured_at", _("The time of a measurement cannot be in the future"))
    await tx.execute("INSERT INTO service_counter (domain_id, service, measured_at, value) VALUES ($1, $2, $3, $4) "
                     "ON CONFLICT (domain_id, service, measured_at) DO UPDATE SET value = $4",
                     tx.domain_id, service, measured_at, value)
    await tx.execute("DELETE FROM service_counter c WHERE domain_id = $1 AND service = $2 AND measured_at < $3 "
                     "AND EXISTS (SELECT FROM service_counter n WHERE n.domain_id = $1 AND n.service = $2 "
                     "AND n.measured_at > c.measured_at AND n.measured_at < $3)", tx.domain_id, service,
                     measured_at - KEPT)
