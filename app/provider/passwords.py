"""A new password for somebody else: one dialog for the staff, for pools' and for domains' administrators."""

from __future__ import annotations

from litestar import Request
from litestar.response import Template

from app.provider.console import show
from app.web.forms import FormModel


class PasswordForm(FormModel):
    password: str
    send_credentials: bool


async def ask_password(request: Request, action: str, login: str, email: str, *, text: str = "",
                       by_mail: bool = False) -> Template:
    """`action` takes the form; `text` says what else happens; `by_mail`: ticked beforehand."""
    return await show(request, "provider/password.html", action=action, login=login, email=email, text=text,
                      by_mail=by_mail)
