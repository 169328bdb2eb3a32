"""The dial expression of a pool: how a user of another domain is called [POOL-04, POOL-06, POOL-D1]."""

from __future__ import annotations

import re

DEFAULT = "{route}{ext}"
MAX_LITERALS = 20
_PARTS = re.compile(r"([0-9*#]*)\{(route|ext)\}([0-9*#]*)\{(route|ext)\}([0-9*#]*)")


def is_expression(text: str) -> bool:
    """`{route}` and `{ext}` once each, in either order, among 0-9, * and #."""
    found = _PARTS.fullmatch(text)
    return found is not None and found[2] != found[4] and len(found[1] + found[3] + found[5]) <= MAX_LITERALS


def dial_string(expression: str, route: str, extension: str) -> str:
    """What to dial, ready [POOL-04]; the caller's own is what calls back [POOL-D2]."""
    return expression.replace("{route}", route).replace("{ext}", extension)


def around_extension(expression: str, route: str) -> tuple[str, str]:
    """What stands before and after the extension for one domain."""
    before, _mark, after = expression.replace("{route}", route).partition("{ext}")
    return before, after
