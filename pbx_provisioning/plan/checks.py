"""Refusing what no configuration may carry."""

from __future__ import annotations

import re

from app.kernel.errors import AppError


class BadPlan(AppError):
    """A value that no configuration may carry; the generation fails and the old one stays in force."""

    def __init__(self, what: str, value: object) -> None:
        super().__init__("bad_plan", f"{what}: {str(value)[:80]!r}")


def check(what: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise BadPlan(what, value)
