"""Errors as the reader gets them: a page, a fragment that htmx shows in place, or a problem document."""

from __future__ import annotations

import json

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException
from litestar.response import Template

from app.kernel.errors import AppError, Forbidden, InvalidFields, NotFound, NotSignedIn
from app.kernel.i18n import _
from app.web.shell import is_htmx, theme

SIGN_IN_URL = "/sign-in"


def answer_app_error(request: Request, error: AppError) -> Response | Template:
    """API: RFC 9457 problem. Page: the fragment that the browser puts beside the form, or a whole page."""
    if _wants_json(request):
        return _problem(error.status_code, error.code, error.message, dict(error.facts))
    if isinstance(error, NotSignedIn):
        return _to_sign_in(request)
    return _page(request, error)


def answer_http_exception(request: Request, error: HTTPException) -> Response | Template:
    """The framework's own refusals (404, 405, 400 …), in the reader's words."""
    status = error.status_code
    if isinstance(error, NotFoundException) or status == 405:
        return answer_app_error(request, NotFound("not_found", _("There is no such page.")))
    if status == 403:
        return answer_app_error(request, Forbidden("forbidden", _("You may not do this.")))
    if status == 401:
        return answer_app_error(request, NotSignedIn("not_signed_in", _("Please sign in.")))
    if status >= 500:
        return answer_defect(request, error)
    known = AppError("bad_request", _("The request could not be understood."))
    if status == 413:
        known = AppError("too_large", _("This is too large to be sent."))
    known.status_code = status
    return answer_app_error(request, known)


def answer_defect(request: Request, error: Exception) -> Response | Template:
    """A defect of ours: logged by the framework; the reader gets an id to tell, and nothing else."""
    known = AppError("internal", _("Something went wrong on our side. It has been recorded; "
                                   "nothing was saved."))
    known.status_code = 500
    return answer_app_error(request, known)


def _wants_json(request: Request) -> bool:
    handler = request.scope.get("route_handler")
    if handler is not None and handler.opt.get("api"):
        return True
    return request.url.path.startswith("/api/")


def _problem(status: int, code: str, message: str, facts: dict[str, object]) -> Response[bytes]:
    body = {"type": f"urn:switchroom:{code}", "title": message, "detail": message, "status": status} | facts
    return Response(json.dumps(body, ensure_ascii=False, default=str).encode(), status_code=status,
                    media_type="application/problem+json")


def _to_sign_in(request: Request) -> Response:
    if is_htmx(request):
        return Response("", status_code=401, headers={"HX-Redirect": SIGN_IN_URL}, media_type="text/html")
    return Response("", status_code=303, headers={"Location": SIGN_IN_URL}, media_type="text/html")


def _home(request: Request) -> str:
    """Where the reader starts: told by the session, else the start page of the panel that the address belongs to."""
    panel = next((one for one in ("/provider", "/group") if f"{request.url.path}/".startswith(f"{one}/")), "/")
    return request.scope["state"].get("home_url", panel)


def _page(request: Request, error: AppError) -> Template:
    fields = error.fields if isinstance(error, InvalidFields) else {}
    whole = not is_htmx(request)
    return Template("error_page.html" if whole else "error.html", status_code=error.status_code,
                    media_type="text/html; charset=utf-8", headers={"Vary": "HX-Request"},
                    context={"error": error, "fields": fields, "theme": theme(request),
                             "request_id": str(request.scope["state"].get("request_id", "")),
                             "layout": "layouts/auth.html", "home": _home(request), "facts": None, "menu": [],
                             "path": ""})


HANDLERS = {AppError: answer_app_error, HTTPException: answer_http_exception, 500: answer_defect}
