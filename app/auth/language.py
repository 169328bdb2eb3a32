"""A signed-in reader's choice of language is kept with the account, for the next browser."""

from __future__ import annotations

from litestar import Request

from app.auth import sessions
from app.auth.principal import Principal
from app.kernel.actors import ActorKind
from app.kernel.db import domain_transaction


async def keep_choice(request: Request, code: str) -> None:
    """Visitors, and panels whose people are kept elsewhere, have the cookie alone."""
    user = request.scope.get("user")
    if not isinstance(user, Principal):
        return
    if user.actor.kind is ActorKind.DOMAIN_USER:
        async with domain_transaction(user.actor) as tx:
            await tx.execute("UPDATE domain_user SET locale = $3 WHERE domain_id = $1 AND id = $2",
                             tx.domain_id, user.actor.id, code)
    await sessions.change(user, locale=code)
