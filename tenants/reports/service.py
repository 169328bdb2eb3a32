"""A report out of what was asked for: read, compute, draw up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from app.kernel.db import DomainTx
from app.kernel.errors import Refused
from app.kernel.i18n import _
from tenants.reports import (
    call_queries,
    call_tables,
    choices,
    line_queries,
    measures,
    period,
    state_queries,
    state_tables,
)
from tenants.reports.cells import Table
from tenants.reports.choices import Choice
from tenants.reports.forms import MANY, ONE, Choices, Wanted
from tenants.reports.kinds import Kind
from tenants.reports.measures import Sums
from tenants.reports.period import Period
from tenants.reports.states import with_offers

MOST_EXPORTED = 100_000  # rows of one file
LONGEST = "10s"  # of one query: it holds a connection
ROWS = 500  # of a long report at a time

_READERS = {"operators": choices.operators, "groups": choices.groups, "lines": choices.lines}


async def choices_of(tx: DomainTx, kind: Kind) -> dict[str, Sequence[Choice]]:
    """What the fields of a report can be."""
    wished = {ONE.get(name, name) for name in kind.fields if name in ONE or name in MANY}
    return {name: await _READERS[name](tx) for name in sorted(wished)}


Maker = Callable[[DomainTx, Wanted, Period, Choices], Awaitable[Table]]


@asynccontextmanager
async def _in_time(tx: DomainTx) -> AsyncIterator[None]:
    """Raises Refused: the period holds more than can be summed up at once."""
    try:
        await tx.execute(f"SET LOCAL statement_timeout = '{LONGEST}'")
        yield
    except asyncpg.QueryCanceledError:
        raise _too_much() from None


async def make(tx: DomainTx, wanted: Wanted, of: Period, found: Choices, after: str = "") -> Table:
    """What the page shows. `after`: where the rows of a long report go on. Raises Refused."""
    async with _in_time(tx):
        return await _portion(tx, wanted, of, found, after)


async def _portion(tx: DomainTx, wanted: Wanted, of: Period, found: Choices, after: str) -> Table:
    if wanted.kind.code == "calls":
        return call_tables.of_calls(*await line_queries.calls(tx, of, wanted.number, after))
    if wanted.kind.code == "states":
        return state_tables.of_states(*await state_queries.intervals(tx, of, wanted.one("operator"), after))
    return (await _MAKERS[wanted.kind.code](tx, wanted, of, found)).portion(after, ROWS)


async def whole(tx: DomainTx, wanted: Wanted, of: Period, found: Choices) -> Table:
    """For a file: all rows. Raises Refused: it would take too long, or they are more than MOST_EXPORTED."""
    async with _in_time(tx):
        return await _everything(tx, wanted, of, found)


async def _everything(tx: DomainTx, wanted: Wanted, of: Period, found: Choices) -> Table:
    if wanted.kind.code == "calls":
        table = call_tables.of_calls(*await line_queries.calls(tx, of, wanted.number, limit=MOST_EXPORTED))
    elif wanted.kind.code == "states":
        table = state_tables.of_states(*await state_queries.intervals(tx, of, wanted.one("operator"),
                                                                      limit=MOST_EXPORTED))
    else:
        table = await _MAKERS[wanted.kind.code](tx, wanted, of, found)
    if table.following:
        raise _too_much()
    return table


def _too_much() -> Refused:
    return Refused("too_much", _("This period holds too much to be summed up at once. Choose a shorter one."))


def _in_order(sums: Mapping[int, Sums], members: Sequence[int], known: Sequence[Choice]) -> list[tuple[str, Sums]]:
    """A row for each member and for who else has something here, in the order of the choices [RPT-28]."""
    names, wished = choices.names(known), {*sums, *members}
    left = sorted(wished - names.keys())
    return [(name, sums.get(one, Sums())) for one, name in names.items() if one in wished] + \
        [(f"№ {one}", sums.get(one, Sums())) for one in left]


async def _of_operator(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    operator = wanted.one("operator")
    rows = _in_order(await call_queries.of_operator(tx, of, operator),
                     await call_queries.memberships(tx, operator_id=operator), await choices.groups(tx))
    return call_tables.of_operators(_("Groups of operators"), rows)


async def _of_group(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    group = wanted.one("group")
    rows = _in_order(await call_queries.by_operator(tx, of, group),
                     await call_queries.memberships(tx, group_id=group), await choices.operators(tx))
    return call_tables.of_operators(_("Operators"), rows)


def _named(wanted: Wanted, name: str, found: Choices) -> list[tuple[int, str]]:
    names = choices.names(found[name])
    return [(one, names[one]) for one in wanted.ids(name)]


async def _by_slot(tx: DomainTx, wanted: Wanted, of: Period, found: Choices) -> Table:
    sums = await call_queries.by_slot(tx, of, wanted.ids("groups"), wanted.qos, wanted.split)
    return call_tables.chronological(_named(wanted, "groups", found), sums, wanted.split, wanted.figure)


async def _of_lines(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    borders = period.borders(of, hourly=wanted.step == "hour")
    events = await line_queries.occupied(tx, of, wanted.chosen["lines"], borders) if len(borders) > 1 else {}
    return call_tables.of_lines(borders, call_tables.busiest(events, len(borders) - 1))


async def _of_private_routes(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    borders = period.borders(of, hourly=wanted.step == "hour")
    counts = await line_queries.from_private_routes(tx, of, borders) if len(borders) > 1 else []
    return call_tables.of_private_routes(borders, counts)


async def _forecast(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    load = await call_queries.load(tx, of, wanted.ids("groups"))
    return call_tables.of_forecast(measures.forecast(load.calls_per_hour, load.handling, wanted.wait))


async def _topics(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    return call_tables.of_topics(*await call_queries.topics(tx, of, wanted.one("group")))


async def _comparative(tx: DomainTx, wanted: Wanted, of: Period, found: Choices) -> Table:
    groups = wanted.ids("groups")
    sums = await call_queries.by_group(tx, of, groups, wanted.qos)
    queues = await call_queries.longest_queues(tx, of, groups)
    return call_tables.comparative([(name, sums.get(one, Sums()), queues.get(one, 0))
                                    for one, name in _named(wanted, "groups", found)])


async def _shifts(tx: DomainTx, wanted: Wanted, of: Period, _found: Choices) -> Table:
    operator = wanted.one("operator")
    return state_tables.of_shifts(with_offers(await state_queries.shifts(tx, of, operator),
                                              await call_queries.offered(tx, of, operator)))


async def _summary(tx: DomainTx, wanted: Wanted, of: Period, found: Choices) -> Table:
    times = await state_queries.times(tx, of, wanted.ids("operators"))
    return state_tables.summary([(name, times[one]) for one, name in _named(wanted, "operators", found)], of.length)


_MAKERS: dict[str, Maker] = {
    "operator": _of_operator, "group": _of_group, "group-hours": _by_slot, "lines": _of_lines,
    "private-routes": _of_private_routes, "forecast": _forecast, "topics": _topics, "compare": _comparative,
    "shifts": _shifts, "summary": _summary}
