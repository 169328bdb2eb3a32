"""Ten thousand random calls by random tariffs: kernel and oracle agree to the last fraction.

`python -m bench oracle` does the same a million times.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from billing.rating.bands import TimeBand
from billing.rating.rules import FreeMode, PriceStep, RateRow
from tests.property.billing import oracle
from tests.property.billing.cases import cases, difference

CALLS = 10_000


@pytest.mark.req("FIN-57", "FIN-58", "FIN-59", "FIN-60", "FIN-61")
def test_ten_thousand_calls_cost_what_the_text_says() -> None:
    seed = int.from_bytes(os.urandom(4))
    met: Counter[str] = Counter()
    for table, case in cases(seed, CALLS):
        assert not (told := difference(table, case)), f"seed {seed}: {told}"
        charge = table.rate(case.number, case.answered_at, case.seconds, package_seconds=case.package)
        if charge is None:
            met["no rate"] += 1
            continue
        row = next(row for row in case.rows if row.row_id == charge.row_id)
        met.update({"minimum": charge.minimum_applied, "package": charge.package_seconds > 0,
                    "package and money": 0 < charge.package_seconds < sum(x.count * x.seconds for x in charge.lines),
                    "band border": len({line.row_id for line in charge.lines}) > 1,
                    "step": len({line.price for line in charge.lines if line.row_id == row.row_id}) > 1,
                    "threshold": bool(row.free_seconds) and row.free_mode is FreeMode.THRESHOLD and not charge.lines,
                    "included": bool(charge.lines) and charge.lines[0].at_second > 0,
                    "connection fee": bool(charge.lines) and row.connection_fee > 0})
    assert all(met[name] >= 20 for name in (
        "no rate", "minimum", "package", "package and money", "band border", "step", "threshold", "included",
        "connection fee")), met


NOON = datetime(2025, 3, 31, 9, 0, tzinfo=UTC)  # a Monday, 12:00 in Moscow


@pytest.mark.parametrize(("changes", "seconds", "package", "total", "used"), [
    ({}, 65, 0, "3", 0),  # two started minutes at 1.50
    ({}, 0, 0, "0", 0),  # unanswered: not even the connection fee
    ({"connection_fee": 700_000}, 1, 0, "2.2", 0),
    ({"first_increment": 30, "next_increment": 6}, 31, 0, "0.9", 0),  # 30 + 6 s
    ({"free_seconds": 5}, 5, 0, "0", 0), ({"free_seconds": 5}, 6, 0, "1.5", 0),
    ({"free_seconds": 5, "free_mode": FreeMode.INCLUDED}, 66, 0, "3", 0),  # 61 s are left
    ({"minimum_charge": 5_000_000}, 1, 0, "5", 0),
    ({"steps": (PriceStep(60, 600_000),)}, 121, 0, "2.7", 0),  # 1.50, 0.60, 0.60
    ({"package_applies": True, "connection_fee": 700_000}, 121, 130, "2.2", 120),  # the third minute does not fit
    ({"package_applies": True, "minimum_charge": 5_000_000}, 60, 60, "0", 60),  # nothing paid, no minimum
    ({"package_applies": False}, 60, 600, "1.5", 0),
])
def test_the_oracle_itself_by_hand(changes: dict, seconds: int, package: int, total: str, used: int) -> None:
    row = RateRow("7", 1_500_000, **changes)
    found = oracle.exact_total([row], "74951234567", NOON, seconds, "Europe/Moscow", package)
    assert found == (Fraction(total), used)


def test_the_oracle_at_a_border_by_hand() -> None:
    """12:00 to 12:01 at 6.00, then 1.50; the connection fee is that of the row at answer."""
    rows = [RateRow("7", 1_500_000, connection_fee=9_000_000, row_id=1),
            RateRow("7", 6_000_000, row_id=2, band=TimeBand(720, 721)), RateRow("74", 0, row_id=3)]
    assert oracle.exact_total(rows, "78121234567", NOON, 180, "Europe/Moscow") == (Fraction(9), 0)
    assert oracle.exact_total(rows, "74951234567", NOON, 180, "Europe/Moscow") == (Fraction(0), 0)
    assert oracle.exact_total(rows, "33123456789", NOON, 180, "Europe/Moscow") is None
