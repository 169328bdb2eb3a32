"""The question before somebody's second factor is taken away: the same in all three panels."""

from __future__ import annotations

from litestar import Request
from litestar.response import Template

from app.web.shell import page


async def ask_reset(request: Request, shell: str, action: str, name: str) -> Template:
    """`name` is the person's; `action` takes the answer."""
    return await page(request, "auth/security/reset.html", shell=shell, action=action, name=name)
