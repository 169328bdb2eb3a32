"""What ends with the Virtual contact centre [GRP-05, GRP-06, SVC-D5]."""

from __future__ import annotations

from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.web.parts import Affected
from billing.services.catalogue import Descriptor, register
from tenants.groups import service as groups
from tenants.operator_messages import queries as message_rows
from tenants.operator_messages import service as messages
from tenants.users import operators
from tenants.vip import service as vip

NAMED = 10  # of each kind, in the dialog


async def affected(tx: DomainTx) -> list[Affected]:
    """Operators, groups with queues, and what is deleted [GRP-06]."""
    queues = await groups.acd_groups(tx)
    numbers, number_count = await vip.vips(tx, limit=NAMED)
    sent, message_count = await message_rows.messages(tx, limit=NAMED)
    found = [*await operators.affected(tx),
             Affected(lazy("Calls of these groups ring at all users at once"), queues[:NAMED], len(queues)),
             Affected(lazy("VIP numbers are deleted"), [one.shown for one in numbers], number_count),
             Affected(lazy("Messages to operators are deleted"), [one.title for one in sent], message_count)]
    return [one for one in found if one.names]


async def end_all(tx: DomainTx) -> None:
    """History of calls and statistics stay. Groups first: a queue without operators would end its calls."""
    await groups.end_acd(tx)
    await operators.end_all(tx)
    await vip.end_all(tx)
    await messages.end_all(tx)
    await provisioning.want_new_generation(tx, "group_changed")


register(Descriptor(
    operators.CONTACT_CENTRE, lazy("Virtual contact centre"),
    lazy("Queues of callers, VIP numbers and supervision for your operators."),
    lazy("Callers wait in queues and reach the right operator; numbers of important customers come first; a "
         "supervisor listens in and helps. It is paid by the number of operators."),
    "headset", is_manual=True, functions=frozenset({"CONTACT_CENTER", "CAMPAIGNS"}), deletes=affected,
    on_disconnect=end_all))
