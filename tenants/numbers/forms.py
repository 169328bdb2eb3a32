"""What the pages of numbers send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.web.forms import FormModel
from tenants.numbers.shop import GRADES, KINDS, MOST_AT_ONCE


class ConnectForm(FormModel):
    """`mark`: of the amounts that were shown."""

    numbers: list[str]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Choosing:
    """What the form of available numbers holds between its requests: the selection outlives paging and filters."""

    kind: str = KINDS[0]
    grade: str = ""
    digits: str = ""
    page: int = 1
    numbers: tuple[str, ...] = ()

    @property
    def filters(self) -> str:
        """A change of these leads to the first page."""
        return f"{self.kind}|{self.grade}|{self.digits}"

    @classmethod
    def of(cls, query: Any) -> Choosing:
        """Of a request's parameters; what cannot be is left out."""
        kind = query.get("kind", "")
        grade = query.get("grade", "")
        found = cls(kind if kind in KINDS else KINDS[0], grade if grade in GRADES else "",
                    "".join(one for one in query.get("digits", "") if one in "0123456789")[:15])
        numbers = tuple(dict.fromkeys(one for one in _all(query, "numbers") if one.isascii() and one.isdigit()))
        stays = "page" in query or query.get("was", "") == found.filters
        page = query.get("page") or query.get("at") or "1"
        place = int(page[:6]) or 1 if stays and page.isascii() and page.isdigit() else 1
        return cls(found.kind, found.grade, found.digits, place, numbers[:MOST_AT_ONCE])


def _all(query: Mapping[str, Any], name: str) -> list[str]:
    return query.getall(name, []) if hasattr(query, "getall") else [query[name]]  # type: ignore[attr-defined]
