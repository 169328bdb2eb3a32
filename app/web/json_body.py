"""JSON that a program sends, read strictly: no float, no NaN, no name twice, nothing that ends the process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from litestar import Request

from app.kernel.errors import AppError, InvalidFields
from app.kernel.i18n import _


class NotJsonType(AppError):
    status_code = 415


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written, of any length: who wants it decides what it may be."""

    text: str


async def json_object(request: Request) -> dict[str, Any]:
    """The body's object. How long it may be is said by the route.

    Raises:
        NotJsonType: 415, the body is told to be something else.
        AppError: 400, it is not JSON.
        InvalidFields: it is no object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise NotJsonType("not_json_type", _("Send the content type application/json."))
    try:
        found = json.loads((await request.body()).decode(), parse_float=Number, parse_int=Number,
                           parse_constant=_refuse, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as wrong:
        raise AppError("not_json", _("The body is not JSON.")) from wrong
    if not isinstance(found, dict):
        raise InvalidFields("invalid_fields", _("A JSON object is expected."), fields={})
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) or not all(name.isprintable() for name in found):
        raise ValueError("a name twice, or one that cannot be shown")
    return found
