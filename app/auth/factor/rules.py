"""One-time codes and recovery codes: pure decisions."""

from __future__ import annotations

import hmac
from datetime import datetime

from pyotp.totp import TOTP

from app.kernel.actors import ActorKind

STEP_SECONDS = 30
DRIFT_STEPS = 1  # a phone's clock may be half a minute off


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step whose code it is; None for a wrong code and for one of a step that was used already."""
    code = code.replace(" ", "")
    if len(code) != 6 or not code.isascii() or not code.isdigit():
        return None
    totp = TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and step > last_step:
            found = step
    return found


def recovery_hash(key: bytes, code: str) -> str:
    """Keyed: a copy of the table alone does not let anyone try codes against it."""
    plain = "".join(code.lower().split()).replace("-", "")
    return hmac.digest(key, b"recovery code\x00" + plain.encode(), "sha256").hex()


def is_required(of_whom: str, kind: ActorKind, role: str) -> bool:
    """Provider parameter `auth.require_totp`: nobody | staff | administrators (staff and all administrators)."""
    if kind is ActorKind.STAFF:
        return of_whom in ("staff", "administrators")
    is_administrator = kind is ActorKind.POOL_ADMIN or role == "domain_admin"
    return is_administrator and of_whom == "administrators"
