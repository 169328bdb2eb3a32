"""Exact money: an amount and its ISO 4217 currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import Enum


class Currency(Enum):
    """ISO 4217 code; the value's minor unit is `minor_digits` decimal places."""

    RUB = "RUB"
    USD = "USD"
    EUR = "EUR"
    JPY = "JPY"

    @property
    def minor_digits(self) -> int:
        return 0 if self is Currency.JPY else 2


@dataclass(frozen=True, slots=True)
class Money:
    """Exact amount. Sums keep every digit; only the ledger rounds."""

    amount: Decimal
    currency: Currency = Currency.RUB

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise TypeError("Money needs a finite Decimal")

    @classmethod
    def zero(cls, currency: Currency = Currency.RUB) -> Money:
        return cls(Decimal(0), currency)

    @classmethod
    def parse(cls, text: str, currency: Currency = Currency.RUB) -> Money:
        """Read "1 234,50" or "1234.50".

        Raises:
            ValueError: not a number, or not a finite one.
        """
        cleaned = text.strip().replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
        try:
            amount = Decimal(cleaned.replace(",", "."))
        except InvalidOperation as bad:
            raise ValueError(f"not an amount: {text[:40]!r}") from bad
        if not amount.is_finite():
            raise ValueError("not a finite amount")
        return cls(amount, currency)

    @classmethod
    def from_millionths(cls, millionths: int, currency: Currency = Currency.RUB) -> Money:
        """The rating kernel counts in integer millionths of the currency's major unit."""
        return cls(Decimal(millionths).scaleb(-6), currency)

    def millionths(self) -> int:
        """Raises ValueError when the amount has more than six decimals."""
        scaled = self.amount.scaleb(6)
        if scaled != scaled.to_integral_value():
            raise ValueError("more than six decimals")
        return int(scaled)

    def _same(self, other: Money) -> None:
        if self.currency is not other.currency:
            raise ValueError(f"{self.currency} with {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        if isinstance(factor, bool) or not isinstance(factor, (Decimal, int)):
            return NotImplemented  # a float or another Money is a mistake
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __bool__(self) -> bool:
        return bool(self.amount)

    def rounded_for_ledger(self) -> Money:
        """Half away from zero, to the currency's minor unit [FIN-D2]."""
        unit = Decimal(1).scaleb(-self.currency.minor_digits)
        return Money(self.amount.quantize(unit, ROUND_HALF_UP), self.currency)
