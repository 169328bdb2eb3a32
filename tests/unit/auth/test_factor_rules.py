"""One-time codes: which step a code belongs to, and who must have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from app.auth.factor import rules
from app.auth.factor.codes import new_recovery_codes
from app.kernel.actors import ActorKind

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"
NOW = datetime(2026, 5, 4, 12, 0, 5, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


def test_the_example_of_the_standard() -> None:
    assert rules.step_of(SECRET, "287082", datetime.fromtimestamp(59, UTC), 0) == 1  # 94287082, six digits of it


@pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(steps: int, fits: bool) -> None:
    code = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=30 * steps))
    assert (rules.step_of(SECRET, code, NOW, 0) == STEP + steps) is fits


def test_a_used_step_and_those_before_it_are_over() -> None:
    code = pyotp.TOTP(SECRET).at(NOW)
    assert rules.step_of(SECRET, f"{code[:3]} {code[3:]}", NOW, STEP - 1) == STEP
    assert rules.step_of(SECRET, code, NOW, STEP) is None
    assert rules.step_of(SECRET, pyotp.TOTP(SECRET).at(NOW - timedelta(seconds=30)), NOW, STEP) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12345\u0660", "-12345", "+12345"])
def test_what_is_no_code(code: str) -> None:
    assert rules.step_of(SECRET, code, NOW, 0) is None


def test_recovery_codes_are_many_different_and_read_as_typed() -> None:
    codes = new_recovery_codes() + new_recovery_codes()
    assert len(set(codes)) == 20
    one = codes[0]
    assert rules.recovery_hash(b"k", one) == rules.recovery_hash(b"k", f" {one.upper().replace('-', ' ')} ")
    assert rules.recovery_hash(b"k", one) != rules.recovery_hash(b"other", one)


@pytest.mark.parametrize(("of_whom", "kind", "role", "required"), [
    ("nobody", ActorKind.STAFF, "administrator", False), ("staff", ActorKind.STAFF, "support", True),
    ("staff", ActorKind.POOL_ADMIN, "supervisor", False), ("staff", ActorKind.DOMAIN_USER, "domain_admin", False),
    ("administrators", ActorKind.STAFF, "billing", True), ("administrators", ActorKind.POOL_ADMIN, "subgroup_admin", True),
    ("administrators", ActorKind.DOMAIN_USER, "domain_admin", True),
    ("administrators", ActorKind.DOMAIN_USER, "user", False)])
def test_of_whom_it_is_required(of_whom: str, kind: ActorKind, role: str, required: bool) -> None:
    assert rules.is_required(of_whom, kind, role) is required
