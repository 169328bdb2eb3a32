"""The two charts of the expenses: ECharts options, and what they say in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.kernel.i18n import _, format_money, format_number
from app.kernel.money import Money
from tenants.dashboard.month import Month

COLOURS = {"plain": "#8797a6", "users": "#206bc4", "in": "#2fb344", "out": "#f59f00", "over": "#d63939"}


@dataclass(frozen=True, slots=True)
class Bar:
    """`kind` is a key of COLOURS, which app.css has, too."""

    label: str
    shown: str
    value: float
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`text`: the same in words. The table under the bars is their legend."""

    title: str
    bars: Sequence[Bar]

    @property
    def text(self) -> str:
        return f"{self.title}: " + ", ".join(f"{bar.label} — {bar.shown}" for bar in self.bars)

    @property
    def option(self) -> dict[str, Any]:
        """Lying bars, the first on top."""
        data = [{"value": bar.value, "name": bar.label, "itemStyle": {"color": COLOURS[bar.kind], "borderRadius": 3}}
                for bar in self.bars]
        return {
            "tooltip": {"show": False}, "grid": {"left": 0, "right": 0, "top": 0, "bottom": 0, "containLabel": False},
            "xAxis": {"type": "value", "show": False, "min": 0},
            "yAxis": {"type": "category", "inverse": True, "show": False, "data": [bar.label for bar in self.bars]},
            "series": [{"type": "bar", "barWidth": 18, "data": data, "showBackground": True,
                        "backgroundStyle": {"color": "rgba(135, 151, 166, .15)", "borderRadius": 3}}]}


def users(month: Month) -> Chart:
    """Users included in the subscription fee and those connected [DASH-02]."""
    users, included = month.usage.users, month.usage.included_users
    is_over = included is not None and users > included
    bars = [Bar(_("Users connected"), str(format_number(users)), users, "over" if is_over else "users")]
    if included is not None:
        bars.insert(0, Bar(_("Included in the fee"), str(format_number(included)), included, "plain"))
    return Chart(_("How many users"), bars)


def funds(month: Month) -> Chart:
    """Money that came in this month and what calls took [DASH-03]."""
    return Chart(_("Use of funds"), [_money(_("Topped up"), month.topped_up, "in"),
                                     _money(_("Spent on calls"), month.spent_on_calls, "out")])


def _money(label: str, amount: Money, kind: str) -> Bar:
    return Bar(label, str(format_money(amount)), float(amount.amount), kind)
