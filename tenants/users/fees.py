"""What one more user costs, and what the domain saves by one less [USR-22…24, USR-77, USR-78].

Users are instances of every service of level "user": the framework of services quotes and charges.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.kernel.db import DomainTx
from app.kernel.money import Money
from billing.services import service as services
from billing.services.rules import CostChanged, Quote
from billing.tariffs.plan import Level

__all__ = ["CostChanged", "Quote", "also_saved", "charge_new_user", "monthly_saving", "note_leaving_user",
           "on_leaving_user", "quote_new_user"]

Leaving = Callable[[DomainTx, int, str], Awaitable[None]]
_leaving: list[Leaving] = []
Saved = Callable[[DomainTx, Sequence[int]], Awaitable[Money]]
_saved: list[Saved] = []


def on_leaving_user(hook: Leaving) -> Leaving:
    """Register what else is paid for a user: called with id and login before the deletion."""
    _leaving.append(hook)
    return hook


def also_saved(reckon: Saved) -> Saved:
    """Register by how much the monthly fee of something else falls when these users go."""
    _saved.append(reckon)
    return reckon


async def quote_new_user(tx: DomainTx) -> Quote:
    """The price shown; zero in trial [ACC-03]."""
    return await services.quote_level(tx, Level.USER)


async def charge_new_user(tx: DomainTx, login: str, mark: str | None) -> None:
    """Connection and first day, as two lines of the ledger; nothing for an included user [USR-39]. To be called before
    the user is written.

    Raises:
        Refused: the funds do not cover them; names what is missing [USR-24].
        CostChanged: the amounts shown are out of date [USR-23].
    """
    await services.add_level(tx, Level.USER, 1, f"user:{login}", mark=mark)


async def monthly_saving(tx: DomainTx, leaving: Sequence[int]) -> Money:
    """By how much the monthly fee falls when these users go, with all that is paid for them [USR-78]."""
    total = await services.saving_of_level(tx, Level.USER, len(leaving))
    operators = await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1 AND id = ANY($2::bigint[]) "
                                  "AND is_operator", tx.domain_id, leaving)
    if operators:
        total += await services.saving_of_level(tx, Level.OPERATOR, operators)
    for reckon in _saved:
        total += await reckon(tx, leaving)
    return total


async def note_leaving_user(tx: DomainTx, user_id: int, login: str, *, is_operator: bool) -> None:
    """A line of quantity −1 and sum 0.00 for each service that was paid for the user. To be called before the deletion
    [USR-77]."""
    await services.remove_level(tx, Level.USER, 1, f"user:{login}")
    if is_operator:
        await services.remove_level(tx, Level.OPERATOR, 1, f"user:{login}")
    for hook in _leaving:
        await hook(tx, user_id, login)
