"""Answers of dialogs that show what something paid costs [SVC-33]."""

from __future__ import annotations

from litestar import Request
from litestar.response import Template

from app.web.shell import fragment, is_htmx, with_toast
from billing.services.present import cost_of
from billing.services.rules import CostChanged, Quote


def new_amounts(request: Request, changed: CostChanged, template: str = "services/cost.html",
                target: str = "#service-cost") -> Template:
    """The open dialog keeps what was typed; only its amounts are drawn anew. Raises the error where there is no
    dialog."""
    if not is_htmx(request):
        raise changed
    quote = changed.facts["quote"]
    assert isinstance(quote, Quote)
    answer = fragment(template, target, quote=quote, cost=cost_of(quote))
    return with_toast(answer, changed.message, "warning")
