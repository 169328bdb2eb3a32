"""Answers of dialogs that show what something paid costs [SVC-33]."""

from __future__ import annotations

from litestar import Request
from litestar.response import Template

from app.web.shell import is_htmx, with_toast
from billing.services.present import cost_of
from billing.services.rules import CostChanged, Quote


def fragment(template: str, target: str, **context: object) -> Template:
    """Replaces an element of the open dialog."""
    return Template(template, context=context, headers={"HX-Retarget": target, "HX-Reswap": "outerHTML"},
                    media_type="text/html; charset=utf-8")


def new_amounts(request: Request, changed: CostChanged) -> Template:
    """The open dialog stays; only its amounts are drawn anew. Raises the error where there is no dialog."""
    if not is_htmx(request):
        raise changed
    quote = changed.facts["quote"]
    assert isinstance(quote, Quote)
    answer = fragment("services/cost.html", "#service-cost", quote=quote, cost=cost_of(quote))
    return with_toast(answer, changed.message, "warning")
