"""Cells as markup; names of a report's parameters and what was chosen for each."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from app.kernel.i18n import LazyText, _, lazy
from tenants.reports import kinds
from tenants.reports.cells import Cell, Table, is_number, lines
from tenants.reports.forms import MANY, ONE, Choices, Wanted

LABELS: dict[str, LazyText] = {
    "operator": lazy("Operator"), "operators": lazy("Operators"), "group": lazy("Group"), "groups": lazy("Groups"),
    "lines": lazy("Inbound lines"), "split": lazy("Split interval"), "figure": lazy("Parameter"),
    "qos": lazy("QoS time, s"), "wait": lazy("Waiting time (s)"), "number": lazy("Number"), "step": lazy("Interval")}


def drawn(row: Sequence[Cell], labels: Sequence[str]) -> Markup:
    """Cells of a row. A report may have many thousands: too many for a macro each."""
    found = []
    for cell, label in zip(row, labels, strict=True):
        first, *second = lines(cell)
        css = ' class="sw-figure"' if is_number(cell) else ""
        more = f"<small>{escape(second[0])}</small>" if second else ""
        found.append(f'<td{css} data-label="{label}">{escape(first)}{more}</td>')
    return Markup("".join(found))


def drawn_rows(table: Table) -> list[Markup]:
    labels = [str(escape(label)) for label in table.labels]
    return [drawn(row, labels) for row in table.rows]


def drawn_total(table: Table) -> Markup:
    return drawn(table.total or (), [str(escape(label)) for label in table.labels]) if table.total else Markup()


def chosen(wanted: Wanted, choices: Choices) -> list[tuple[str, str]]:
    """(name, value) of everything that the report was made with, for its file [RPT-11]."""
    found = [(_("Report type"), str(wanted.kind.label)),
             (_("Period"), f"{wanted.first:%d.%m.%Y} – {wanted.last:%d.%m.%Y}")]
    for name in wanted.fields:
        value = ""
        if name in MANY or name in ONE:
            names = {one.id: one.name for one in choices[ONE.get(name, name)]}
            value = ", ".join(names[one] for one in wanted.chosen[name])
        elif name in ("figure", "step"):
            value = str((kinds.FIGURES | kinds.STEPS)[getattr(wanted, name)])
        else:
            value = str(getattr(wanted, name))
        found.append((str(LABELS[name]), f"{value} {_('min.')}" if name == "split" else value))
    return [(name, value) for name, value in found if value]
