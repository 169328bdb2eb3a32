"""When a correction needs a second person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.provider.corrections.rules import needs_second

LIMIT = Decimal("10000.00")


@pytest.mark.req("FIN-D13")
@pytest.mark.parametrize(("amount", "earlier", "answer"), [
    ("10000.00", (), False), ("-10000.00", (), False), ("10000.01", (), True), ("-10000.01", (), True),
    ("1", ("9999",), False), ("1.01", ("9999",), True), ("-6000", ("6000",), True), ("0.01", ("5000", "-5000"), True)])
def test_parts_of_a_sum_are_looked_at_together(amount: str, earlier: tuple[str, ...], answer: bool) -> None:
    assert needs_second(Decimal(amount), LIMIT, [Decimal(one) for one in earlier]) is answer


def test_without_a_limit_two_people_look_always() -> None:
    assert needs_second(Decimal("0.01"), Decimal(0), ())
