"""Form fields → a frozen pydantic model, with errors in the reader's words."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, format_number, lazy, ngettext

Model = TypeVar("Model", bound="FormModel")
IGNORED = frozenset({"csrf_token"})
MAX_FIELD = 200_000  # characters; pasted number lists are the longest honest input


class FormModel(BaseModel):
    """Base of every form: frozen, no unknown fields, text trimmed."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


TEXTS = {
    "missing": lazy("Fill in this field."),
    "string_type": lazy("Enter text."),
    "string_pattern_mismatch": lazy("This does not look right. Check the format."),
    "bool_type": lazy("Choose yes or no."),
    "bool_parsing": lazy("Choose yes or no."),
    "int_type": lazy("Enter a whole number."),
    "int_parsing": lazy("Enter a whole number."),
    "int_parsing_size": lazy("This number is too large."),
    "int_from_float": lazy("Enter a whole number."),
    "float_type": lazy("Enter a number."),
    "float_parsing": lazy("Enter a number."),
    "finite_number": lazy("Enter a number."),
    "decimal_type": lazy("Enter a number."),
    "decimal_parsing": lazy("Enter a number."),
    "decimal_max_digits": lazy("This number is too long."),
    "decimal_whole_digits": lazy("This number is too long."),
    "enum": lazy("Choose one of the listed values."),
    "literal_error": lazy("Choose one of the listed values."),
    "date_type": lazy("Enter a date."),
    "date_parsing": lazy("Enter a date."),
    "date_from_datetime_parsing": lazy("Enter a date."),
    "date_from_datetime_inexact": lazy("Enter a date without a time."),
    "date_past": lazy("The date must be in the past."),
    "date_future": lazy("The date must be in the future."),
    "time_type": lazy("Enter a time like 09:30."),
    "time_parsing": lazy("Enter a time like 09:30."),
    "datetime_type": lazy("Enter a date and a time."),
    "datetime_parsing": lazy("Enter a date and a time."),
    "datetime_from_date_parsing": lazy("Enter a date and a time."),
    "datetime_past": lazy("The time must be in the past."),
    "datetime_future": lazy("The time must be in the future."),
    "url_parsing": lazy("Enter an address that begins with https://"),
    "url_scheme": lazy("Enter an address that begins with https://"),
    "url_type": lazy("Enter an address that begins with https://"),
    "ip_any_address": lazy("Enter an IP address."),
    "uuid_parsing": lazy("This does not look right. Check the format."),
    "list_type": lazy("Choose from the list."),
    "tuple_type": lazy("Choose from the list."),
    "set_type": lazy("Choose from the list."),
    "frozen_set_type": lazy("Choose from the list."),
    "extra_forbidden": lazy("This field is not known here."),
    "string_unicode": lazy("This text contains characters that cannot be stored."),
}


def parse_form(model: type[Model], data: Mapping[str, Any]) -> Model:
    """Read a submitted form.

    An unticked checkbox is absent in the browser's data and read as False; an empty optional field as
    None; a field of a list type takes all its values.

    Raises:
        InvalidFields: `fields` names every wrong field with a translated text.
    """
    return validated(model, prepare(model, data))


def validated(model: type[Model], data: Mapping[str, Any]) -> Model:
    """Values as they came. Raises InvalidFields like `parse_form`."""
    try:
        return model.model_validate(data)
    except ValidationError as wrong:
        fields: dict[str, str] = {}
        for error in wrong.errors(include_url=False, include_input=False):
            name = ".".join(str(part) for part in error["loc"][:1]) or "form"
            fields.setdefault(name, error_text(error["type"], error.get("ctx") or {}, error["msg"]))
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=fields) from wrong


def prepare(model: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    """The browser's strings in the shapes that the model's types expect."""
    shapes = _shapes(model)
    found: dict[str, Any] = {}
    for name in dict.fromkeys(data):
        if name in IGNORED:
            continue
        shape = shapes.get(name)
        value = _values(data, name) if shape and shape.many else data[name]
        if isinstance(value, str):
            value = value.replace("\x00", "")[: MAX_FIELD + 1].replace("\r\n", "\n")
            if value.strip() == "" and shape and shape.optional:
                value = None
            elif value.strip() == "" and shape and not shape.text:
                continue  # "" in a number, date or choice field: reported as missing
            elif shape and shape.number:
                value = value.strip().replace("\u00a0", "").replace(" ", "").replace(",", ".")
            elif shape and shape.moment:
                value = _moment(value.strip())
        found[name] = value
    for name, shape in shapes.items():
        if name not in found and shape.flag:
            found[name] = False
        elif name not in found and shape.many:
            found[name] = []
    return found


class Shape:
    """What a model's field expects, read once per model from its annotation."""

    __slots__ = ("flag", "many", "moment", "number", "optional", "text")

    def __init__(self, annotation: Any) -> None:
        options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
        plain = [option for option in options if option is not type(None)]
        kinds = [get_origin(option) or option for option in plain]
        self.optional = len(plain) < len(options)
        self.flag = kinds == [bool] and not self.optional
        self.many = any(kind in (list, tuple, set, frozenset) for kind in kinds)
        self.text = str in kinds
        self.moment = any(kind in (date, datetime, time) for kind in kinds)
        self.number = any(getattr(kind, "__name__", "") in ("int", "float", "Decimal") for kind in kinds)


def _moment(text: str) -> str:
    """21.11.2026 as ISO. A bare number stays wrong: pydantic would take it for seconds since 1970."""
    day, *clock = text.split(" ")
    parts = day.split(".")
    if len(parts) == 3 and len(parts[2]) == 4:
        day = "-".join(reversed(parts))
    has_sign = "-" in day or ":" in text
    return " ".join((day, *clock)) if has_sign else f"?{text}"


@cache
def _shapes(model: type[BaseModel]) -> dict[str, Shape]:
    return {field.alias or name: Shape(field.annotation) for name, field in model.model_fields.items()}


def _values(data: Mapping[str, Any], name: str) -> list[Any]:
    getall = getattr(data, "getall", None)
    value = getall(name) if getall else data[name]
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return [one for one in values if one != ""]


def error_text(kind: str, facts: Mapping[str, Any], fallback: str) -> str:
    """What the reader should do about one pydantic error."""
    if kind == "value_error":
        problem = facts.get("error")
        return str(problem) if problem else fallback.removeprefix("Value error, ")
    if kind in ("string_too_short", "too_short"):
        least = int(facts.get("min_length", 1))
        if least <= 1:
            return _("Fill in this field.") if kind == "string_too_short" else _("Choose at least one.")
        return ngettext("At least %(n)s character.", "At least %(n)s characters.", least) % {"n": least} \
            if kind == "string_too_short" else _("Choose at least %(n)s.") % {"n": least}
    if kind in ("string_too_long", "too_long"):
        most = int(facts.get("max_length", 0))
        return ngettext("At most %(n)s character.", "At most %(n)s characters.", most) % {"n": most} \
            if kind == "string_too_long" else _("Choose at most %(n)s.") % {"n": most}
    limit = next((facts[key] for key in ("ge", "gt", "le", "lt") if key in facts), None)
    if limit is not None:
        return _limit_text(kind, limit)
    if kind == "decimal_max_places":
        places = int(facts.get("decimal_places", 2))
        return ngettext("At most %(n)s digit after the point.", "At most %(n)s digits after the point.",
                        places) % {"n": places}
    if kind.startswith("value_error.email") or "email" in fallback:
        return _("Enter an e-mail address like name@company.example.")
    return str(TEXTS[kind]) if kind in TEXTS else _("This does not look right. Check the format.")


def _limit_text(kind: str, limit: Any) -> str:
    shown = {"n": format_number(limit) if isinstance(limit, (int, float)) or hasattr(limit, "as_tuple")
             else str(limit)}
    return {
        "greater_than": _("Must be more than %(n)s."),
        "greater_than_equal": _("Must be at least %(n)s."),
        "less_than": _("Must be less than %(n)s."),
        "less_than_equal": _("Must be at most %(n)s."),
    }.get(kind, _("This does not look right. Check the format.")) % shown
