"""What the card forms of the finance page take."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from app.web.forms import FormModel


class PayForm(FormModel):
    """Bounds and decimals are the rules' business."""

    card_amount: Annotated[Decimal, Field(max_digits=14)]
    save_card: bool


class AutomaticForm(FormModel):
    """Switched off, the two sums do not matter."""

    is_on: bool
    threshold: Annotated[Decimal | None, Field(max_digits=14)] = None
    auto_amount: Annotated[Decimal | None, Field(max_digits=14)] = None
