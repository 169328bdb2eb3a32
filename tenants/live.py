"""Answers of pages after a change that reaches the PBX: a message, and the page's live state looks again."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.response import Template

from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.forms import FormModel, parse_form
from app.web.shell import fragment, is_htmx, saved

MAX_ID = 2**63


async def form_of(request: Request, model: type[Any]) -> Any:
    """The submitted form as `model`, a `FormModel`. Raises InvalidFields."""
    assert issubclass(model, FormModel)
    return parse_form(model, await request.form())


def row_id(number: int) -> int:
    """An id out of an address; one that cannot be a row's is as unknown as any other."""
    if not 0 < number < MAX_ID:
        raise NotFound("not_found", _("There is no such page."))
    return number


def applying(request: Request, message: str, *, url: str, template: str = "tenants/live.html", kind: str = "success",
             close_modal: bool = False, refresh_list: bool = False, **context: object) -> Response | Template:
    """`template` begins with the live state and may add elements that replace those of the same id.

    Without the page's script the reader is led to `url`.
    """
    if not is_htmx(request):
        return saved(request, url, message)
    # After the swap, and the dialog last: closing it removes the form that the answer belongs to.
    told: dict[str, object] = {"toast": {"text": message, "kind": kind}}
    if refresh_list:
        told["list-refresh"] = True
    if close_modal:
        told["modal-close"] = True
    return fragment(template, "#live-state", after=told, **context)
