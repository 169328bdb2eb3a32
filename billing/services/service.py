"""Use cases of paid services: quote, connect, disconnect, add and remove instances [SVC-22, SVC-30…36].

Whatever charges locks the domain's row and then the account; what is decided on stands until the commit, the day too,
which is that of the lock. The change, its ledger lines and the call for a new configuration share that transaction
[SVC-D4].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.audit import history
from app.kernel import parameters, provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts import service as accounts
from billing.accounts.blocks import is_blocked
from billing.accounts.posting import connection_postings, disconnection_posting
from billing.services import catalogue, counts
from billing.services.external import report_counter
from billing.services.queries import (
    OFF,
    ServiceRow,
    closed,
    grand_total,
    has_function,
    in_plan,
    is_on,
    not_in_plan,
    require,
    rows,
)
from billing.services.rules import CostChanged, Line, Quote, growth, of_level, quote_of
from billing.subscriptions.rules import local_day
from billing.tariffs.plan import Level
from billing.tariffs.terms import plan_of

__all__ = ["OFF", "CostChanged", "Quote", "ServiceRow", "add_instances", "add_level", "add_many", "closed", "connect",
           "disconnect", "grand_total", "has_function", "in_plan", "is_on", "not_in_plan", "quote", "quote_connection",
           "quote_level", "quote_many", "remove_instances", "remove_level", "report_counter", "require", "rows",
           "saving", "saving_of_level", "scene"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A domain as far as its services are concerned."""

    lines: Mapping[str, Line]
    day: date  # of the billing zone
    balance: Money
    is_trial: bool

    def quote(self, added: Mapping[str, int]) -> Quote:
        return quote_of(growth(self.lines, added), self.day, self.balance, is_trial=self.is_trial)

    def of_level(self, level: Level, number: int, opening: str = "") -> dict[str, int]:
        """What grows by one more user or operator: services that are on, and `opening`, which it switches on."""
        codes = of_level(self.lines, level)
        return dict.fromkeys(codes + ([opening] if opening and opening not in codes else []), number)


async def scene(tx: DomainTx, *, lock: bool = False) -> Scene:
    """Raises NotFound: there is no such domain."""
    row = await tx.fetchrow("SELECT mode FROM domain WHERE id = $1" + (" FOR NO KEY UPDATE" if lock else ""),
                            tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    if lock:
        balance = (await accounts.lock(tx)).balance
    else:
        account = await tx.fetchrow("SELECT balance, currency FROM account WHERE domain_id = $1", tx.domain_id)
        assert account is not None
        balance = Money(account["balance"], Currency(account["currency"]))
    plan = await plan_of(tx)
    lines = (await counts.lines(tx, {tx.domain_id: plan}))[tx.domain_id]
    day = local_day(tx.now, await parameters.get(tx, "billing.timezone"))
    return Scene(lines, day, balance, row["mode"] == "trial")


# --- what it would cost -----------------------------------------------------------------------------


async def quote(tx: DomainTx, code: str, added: int = 1) -> Quote:
    """Cost of further instances, with the connection of the service if it is off."""
    return await quote_many(tx, {code: added})


async def quote_many(tx: DomainTx, added: Mapping[str, int]) -> Quote:
    """One dialog for several services; lines will be written in this order [SVC-D11]."""
    return (await scene(tx)).quote(added)


async def quote_level(tx: DomainTx, level: Level, added: int = 1, *, opening: str = "") -> Quote:
    """Cost of further users or operators over all services counted by them."""
    found = await scene(tx)
    return found.quote(found.of_level(level, added, opening))


async def quote_connection(tx: DomainTx, code: str) -> Quote:
    """Cost of switching a service on with what there is of it.

    Raises:
        Forbidden: not in the plan.
        Refused: not switched by hand.
    """
    return _connection(await scene(tx), code)


def _connection(found: Scene, code: str) -> Quote:
    line = _in_plan(found, code)
    if not catalogue.find(code).is_manual:
        raise Refused("not_manual", _("This service cannot be switched on or off here."))
    return quote_of([] if line.is_on else [line.connecting()], found.day, found.balance, is_trial=found.is_trial)


async def saving(tx: DomainTx, code: str, removed: int | None = None) -> Money:
    """By how much the monthly fee falls: by so many instances less, or with the whole service [SVC-34]."""
    found = await scene(tx)
    return _saving(found, {code: removed} if code in found.lines else {})


async def saving_of_level(tx: DomainTx, level: Level, removed: int = 1) -> Money:
    found = await scene(tx)
    return _saving(found, found.of_level(level, removed))


def _saving(found: Scene, removed: Mapping[str, int | None]) -> Money:
    total = Money.zero(found.balance.currency)
    for code, number in {} if found.is_trial else removed.items():
        line = found.lines[code]
        quantity = line.quantity if number is None else line.shrinking(number).quantity
        total += line.plan.monthly * quantity
    return total


# --- instances --------------------------------------------------------------------------------------


async def add_instances(tx: DomainTx, code: str, added: int, ref: str, *, mark: str | None = None) -> Quote:
    """Charge further instances of a service. To be called before their rows are written, in the same transaction.

    Args:
        added: instances really added; what the plan includes costs nothing.
        ref: what they belong to ("user:15"), kept with the ledger's lines.
        mark: `Quote.mark` of the amounts that were shown; None skips the comparison.

    Raises:
        Refused: `funds` names the missing amount; `blocked`.
        Forbidden: `not_in_plan`.
        CostChanged: the amounts shown are out of date.
    """
    return await add_many(tx, {code: added}, ref, mark=mark)


async def add_many(tx: DomainTx, added: Mapping[str, int], ref: str, *, mark: str | None = None) -> Quote:
    """As `add_instances` for several services at once: all or none."""
    found = await scene(tx, lock=True)
    for code in added:
        if catalogue.find(code).needs_plan:
            _in_plan(found, code)
    return await _grow(tx, found, added, added, ref, mark)


async def add_level(tx: DomainTx, level: Level, added: int, ref: str, *, opening: str = "",
                    mark: str | None = None) -> Quote:
    """Further users or operators: every service counted by them is charged. `opening` is switched on by the first."""
    found = await scene(tx, lock=True)
    if opening:
        _in_plan(found, opening)
    return await _grow(tx, found, found.of_level(level, added, opening), {counts.OF_LEVEL[level]: added}, ref, mark)


async def _grow(tx: DomainTx, found: Scene, added: Mapping[str, int], counted: Mapping[str, int], ref: str,
                mark: str | None) -> Quote:
    fresh = found.quote(added)
    _check_mark(fresh, mark)
    key = await _note_change(tx, counted)
    for code in added:
        if code in found.lines and not found.lines[code].is_on:
            await _switch_on(tx, code)
    await _charge(tx, fresh, key, ref)
    return fresh


async def remove_instances(tx: DomainTx, code: str, removed: int, ref: str) -> None:
    """A line of quantity −N and amount 0.00 for those that were paid for; no refund. To be called before their rows
    are deleted [SVC-34, SVC-36]."""
    await _shrink(tx, await scene(tx, lock=True), {code: removed}, {code: removed}, ref)


async def remove_level(tx: DomainTx, level: Level, removed: int, ref: str) -> None:
    """Users or operators go: a line for every service that was paid for them."""
    found = await scene(tx, lock=True)
    await _shrink(tx, found, found.of_level(level, removed), {counts.OF_LEVEL[level]: removed}, ref)


async def _shrink(tx: DomainTx, found: Scene, removed: Mapping[str, int], counted: Mapping[str, int],
                  ref: str) -> None:
    key = await _note_change(tx, {name: -number for name, number in counted.items()})
    for code, number in removed.items():
        quantity = found.lines[code].shrinking(number).quantity if code in found.lines else 0
        if quantity:
            await accounts.post(tx, disconnection_posting(
                code, quantity, tx.now, key=f"{key}:{code}", ref=ref, currency=found.balance.currency))


async def _note_change(tx: DomainTx, counted: Mapping[str, int]) -> str:
    """For the daily run, which asks what there was at the start of a day. Returns the key of the change's postings."""
    number = 0
    for name, delta in counted.items():
        number = await tx.fetchval("INSERT INTO service_change (domain_id, counted, at, delta) "
                                   "VALUES ($1, $2, $3, $4) RETURNING id", tx.domain_id, name, tx.now, delta)
    return f"change:{number}"


# --- the service as a whole -------------------------------------------------------------------------


async def connect(tx: DomainTx, code: str, *, mark: str | None = None) -> bool:
    """Switch a service on with what there is of it [SVC-30…33].

    Returns:
        False if it is on already: nothing happens and nothing is charged.

    Raises:
        Refused: `funds` names the missing amount; `blocked`; `not_manual`.
        Forbidden: `not_in_plan`.
        CostChanged: the amounts shown are out of date.
    """
    found = await scene(tx, lock=True)
    fresh = _connection(found, code)
    if found.lines[code].is_on:
        return False
    _check_mark(fresh, mark)
    number = await _switch_on(tx, code)
    await _charge(tx, fresh, f"service:{number}", f"service:{code}", always=True)
    return True


async def disconnect(tx: DomainTx, code: str) -> bool:
    """Switch a service off and delete its settings; no refund for the day [SVC-34…36].

    Returns:
        False if it is off already.

    Raises:
        Refused: the service is not switched by hand.
    """
    found = await scene(tx, lock=True)
    if not catalogue.find(code).is_manual:
        raise Refused("not_manual", _("This service cannot be switched on or off here."))
    if not await is_on(tx, code):
        return False
    line = found.lines.get(code)
    await switch_off(tx, code, line.quantity if line else 0, line.instances if line else 0, found.balance.currency)
    return True


async def switch_off(tx: DomainTx, code: str, quantity: int, instances: int, currency: Currency) -> None:
    """Delete the service's settings and note the end; the domain and its account are locked [SVC-35, SVC-36]."""
    one = catalogue.find(code)
    number = await tx.fetchval(  # another process may have connected it by a clock that is ahead
        "UPDATE domain_service SET disconnected_at = greatest(connected_at, $3) WHERE domain_id = $1 AND service = $2 "
        "AND disconnected_at IS NULL RETURNING id", tx.domain_id, code, tx.now)
    if one.on_disconnect:
        await one.on_disconnect(tx)
        if one.count and instances:
            await _note_change(tx, {code: -instances})
    key = f"service:{number}" if number else await _note_change(tx, {f"-{code}": -1})
    await accounts.post(tx, disconnection_posting(code, max(quantity, 1), tx.now, key=key, ref=f"service:{code}",
                                                  currency=currency))
    await _tell(tx, "service_disconnected", code)


async def _switch_on(tx: DomainTx, code: str) -> int:
    number = await tx.fetchval("INSERT INTO domain_service (domain_id, service, connected_at) VALUES ($1, $2, $3) "
                               "RETURNING id", tx.domain_id, code, tx.now)
    one = catalogue.find(code)
    if one.on_connect:
        await one.on_connect(tx)
    await _tell(tx, "service_connected", code)
    return number


async def _tell(tx: DomainTx, action: str, code: str) -> None:
    await history.record(tx, action, "service", object_name=str(catalogue.find(code).name))
    await provisioning.want_new_generation(tx, f"{action} {code}")


async def _charge(tx: DomainTx, fresh: Quote, key: str, ref: str, *, always: bool = False) -> None:
    """Exactly two lines per service, connection first, also of 0.00 [SVC-31, FIN-46]."""
    if (fresh.fees or always) and await is_blocked(tx):
        raise Refused("blocked", _("The domain is blocked: paid actions are not possible"))
    await accounts.ensure_funds(tx, fresh.cost.charged)
    await accounts.post_many(tx, [
        (tx.domain_id, posting) for fee in fresh.fees for posting in connection_postings(
            fee, fresh.day, tx.now, key=f"{key}:{fee.service}", ref=ref)])


def _check_mark(fresh: Quote, mark: str | None) -> None:
    if mark is not None and mark != fresh.mark:
        raise CostChanged("cost_changed", _("The amounts have changed. Check them and save again."), quote=fresh)


def _in_plan(found: Scene, code: str) -> Line:
    line = found.lines.get(code)
    if line is None:
        raise not_in_plan()
    return line
