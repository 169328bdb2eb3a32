"""What the finance page takes: a promised payment, a credit limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from app.web.forms import FormModel


class AmountForm(FormModel):
    """A sum of money as typed; bounds and decimals are the rules' business."""

    amount: Annotated[Decimal, Field(max_digits=14)]


class LimitForm(FormModel):
    """`confirmed`: the reader knows that an unlimited domain becomes a credit one [FIN-D11]."""

    limit: Annotated[Decimal, Field(max_digits=14)]
    confirmed: bool
