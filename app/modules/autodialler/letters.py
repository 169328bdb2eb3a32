"""The letter about every change of a task's status [ADL-24, ADL-D2]."""

from __future__ import annotations

from datetime import UTC, datetime

from app.kernel import letters
from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules.autodialler.queries import Task
from app.modules.autodialler.rules import Counts, Status
from app.settings import settings

KEY = "dial_status"

letters.letter(
    KEY, lazy("Status of an auto-dialler task changed"), lazy("Auto-dialler: «{{ name }}»: {{ new }}"),
    lazy("Status of the auto-dialler task «{{ name }}» changed.\n\nBefore: {{ old }}\nNow: {{ new }}\nTime: {{ at }}\n"
         "{% if reason %}Reason: {{ reason }}\n{% endif %}\n"
         "Delivered: {{ delivered }}\nNot delivered: {{ failed }}\nNumbers in all: {{ total }}\n\n{{ url }}\n"),
    name="Reminder", old=Status.ACTIVE.label, new=Status.RUNNING.label, at=datetime(2026, 4, 21, 13, 2, tzinfo=UTC),
    reason="", delivered=10, failed=2, total=40, url="https://pbx.example/autodialler/1")


async def tell(tx: DomainTx, task: Task, new: Status, counts: Counts, reason: object = "") -> None:
    """To the address of the task; nothing without one."""
    if not task.email:
        return
    locale = await tx.fetchval("SELECT locale FROM domain WHERE id = $1", tx.domain_id)
    await letters.queue(tx, KEY, task.email, locale, zone=task.timezone, domain_id=None, attachment_id=None,
                        name=task.name, old=task.status.label, new=new.label, at=tx.now, reason=reason,
                        delivered=counts.delivered, failed=counts.failed, total=counts.total,
                        url=f"{settings().public_url}/autodialler/{task.id}")
