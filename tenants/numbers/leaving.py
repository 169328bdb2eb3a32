"""What a number leaves behind when it goes from a domain [NUM-59]; features that use numbers register theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.web.parts import Affected

Tell = Callable[[DomainTx, int], Awaitable[Sequence[Affected]]]
Leave = Callable[[DomainTx, int], Awaitable[None]]

_handlers: list[tuple[Tell, Leave]] = []


def on_leaving(tell: Tell, leave: Leave) -> None:
    """Called at import: what the confirmation names, and what happens in the transaction before the number goes."""
    if (tell, leave) not in _handlers:
        _handlers.append((tell, leave))


async def affected(tx: DomainTx, number_id: int) -> list[Affected]:
    return [one for tell, _leave in _handlers for one in await tell(tx, number_id)]


async def leave(tx: DomainTx, number_id: int) -> None:
    """Nothing is restored when the number comes back."""
    for _tell, handler in _handlers:
        await handler(tx, number_id)


async def _users(tx: DomainTx, number_id: int) -> Sequence[Affected]:
    rows = await tx.fetch("SELECT display_name FROM domain_user WHERE domain_id = $1 AND outgoing_number_id = $2 "
                          "ORDER BY lower(display_name), id", tx.domain_id, number_id)
    names = [row["display_name"] for row in rows]
    found = [Affected(lazy("Users who chose it as their outgoing number fall back to the domain's"), names[:5],
                      len(names), "/users")] if names else []
    domain = await tx.fetchval("SELECT display_name FROM domain WHERE id = $1 AND default_number_id = $2", tx.domain_id,
                               number_id)
    if domain:
        found.append(Affected(lazy("The domain has no outgoing number any more"), [domain]))
    rules = await tx.fetchval("SELECT count(*) FROM routing_rule WHERE domain_id = $1 AND number_id = $2", tx.domain_id,
                              number_id)
    if rules:
        found.append(Affected(lazy("Its routing rules and lists are deleted"), [str(rules)], 0, "/routing"))
    return found


async def _leave_users(tx: DomainTx, number_id: int) -> None:
    await tx.execute("UPDATE domain_user SET outgoing_number_id = NULL WHERE domain_id = $1 "
                     "AND outgoing_number_id = $2", tx.domain_id, number_id)
    await tx.execute("UPDATE domain SET default_number_id = NULL WHERE id = $1 AND default_number_id = $2",
                     tx.domain_id, number_id)
    for table in ("routing_rule", "line_filter_entry"):
        await tx.execute(f"DELETE FROM {table} WHERE domain_id = $1 AND number_id = $2", tx.domain_id, number_id)
    await tx.execute("UPDATE phone_number SET filter_mode = 'off' WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     number_id)


on_leaving(_users, _leave_users)
