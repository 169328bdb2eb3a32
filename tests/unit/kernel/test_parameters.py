"""The registry of the provider's parameters: what may be typed, and what a bad row in the database means."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.kernel import parameters
from app.kernel.parameters import REGISTRY, read

pytestmark = pytest.mark.anyio

# chapter 01 §8.8, word for word
DEFAULTS = {
    "trial.minutes": 50, "trial.days": 14, "trial.external_forwarding": False, "trial.remind_days": 3,
    "promised.min": 50, "promised.max": 5000, "promised.term_days": 5, "promised.remind_days": 1,
    "credit.min": 1000, "credit.max": 500000, "credit.default_limit": 0, "credit.warn_percent": 10,
    "topup.min": 100, "topup.max": 100000, "topup.auto_per_day": 3, "billing.timezone": "Europe/Moscow",
    "fax.retries": 3, "fax.retry_interval_minutes": 5, "pool.route_number_length": 4,
    "pool.dial_expression": "{route}{ext}", "auth.max_failures": 5, "auth.lock_minutes": 15,
    "auth.reset_token_minutes": 60, "auth.password_min_length": 6, "legacy_cabinet_url": "",
}


class _Rows:
    """Stands for a transaction: the rows of the table."""

    def __init__(self, **rows: object) -> None:
        self.rows = [{"key": key.replace("__", "."), "value": value} for key, value in rows.items()]

    async def fetch(self, sql: str, *args: object) -> list:
        return self.rows


@pytest.fixture(autouse=True)
def nothing_kept():
    parameters.forget()
    yield
    parameters.forget()


@pytest.mark.req("ACC-D1", "FIN-D8", "FIN-D12", "POOL-D5")
async def test_every_parameter_of_the_specification_has_its_default() -> None:
    values = await parameters.everything(_Rows())
    assert {key: values[key] for key in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_the_default_is_itself_allowed_and_survives_the_form(key: str) -> None:
    parameter = REGISTRY[key]
    assert read(parameter, parameter.shown(parameter.default)) == parameter.default


@pytest.mark.parametrize(("key", "text"), [
    ("trial.days", "0"), ("trial.days", "-1"), ("trial.days", "1.5"), ("trial.days", ""), ("trial.days", "١٤"),
    ("trial.days", "99999999999999999999"), ("promised.min", "nan"), ("promised.min", "1e3"),
    ("promised.min", "50.005"), ("promised.min", "-1"), ("promised.min", "inf"), ("promised.min", "9" * 40),
    ("billing.timezone", "Mars/Base"), ("billing.timezone", "../etc/passwd"), ("legacy_cabinet_url", "javascript:1"),
    ("legacy_cabinet_url", "https://"), ("legacy_cabinet_url", "https://a b"), ("auth.require_totp", "root"),
    ("auth.password_min_length", "5"), ("pool.dial_expression", ""), ("pool.dial_expression", "{route}\n{ext}"),
])
def test_wrong_input_is_refused(key: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(REGISTRY[key], text)


@pytest.mark.parametrize(("key", "text", "value"), [
    ("promised.min", "1 000,50", Decimal("1000.50")), ("promised.max", "5 000", Decimal(5000)),
    ("trial.external_forwarding", "on", True), ("trial.external_forwarding", "", False),
    ("legacy_cabinet_url", "https://old.example/cab", "https://old.example/cab"),
    ("billing.timezone", "Asia/Omsk", "Asia/Omsk"),
])
def test_input_is_read_as_typed(key: str, text: str, value: object) -> None:
    assert read(REGISTRY[key], text) == value


async def test_a_row_that_cannot_be_used_counts_as_absent() -> None:
    rows = _Rows(trial__days="soon", auth__max_failures=-3, promised__min="75.00", auth__lock_minutes=True,
                 unknown="x", trial__external_forwarding=True)
    assert await parameters.get(rows, "trial.days") == 14
    assert await parameters.get(rows, "auth.max_failures") == 5
    assert await parameters.get(rows, "auth.lock_minutes") == 15
    assert await parameters.get(rows, "promised.min") == Decimal(75)
    assert (await parameters.group(rows, "trial"))["external_forwarding"] is True
    with pytest.raises(KeyError):
        await parameters.get(rows, "unknown")


async def test_values_are_kept_and_forgotten_on_a_change() -> None:
    assert await parameters.get(_Rows(trial__days=7), "trial.days") == 7
    assert await parameters.get(_Rows(trial__days=9), "trial.days") == 7
    parameters.forget()
    assert await parameters.get(_Rows(trial__days=9), "trial.days") == 9
