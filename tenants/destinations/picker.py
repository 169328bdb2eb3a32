"""The picker in a form: kinds that a domain can choose, and its four fields → a destination [RTE-30…33]."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import LazyText, _
from app.web.forms import FormModel
from tenants.destinations import registry
from tenants.destinations.model import DIALLED, OWNED, OWNERS, Destination, Kind

ICONS = {Kind.USER: "user", Kind.GROUP: "users-group", Kind.IVR: "sitemap", Kind.VOICEMAIL: "inbox",
         Kind.FAX: "printer", Kind.PRIVATE_ROUTE: "router", Kind.NUMBER: "phone", Kind.HANGUP: "phone-off"}
KindCode = Literal["", "user", "group", "ivr", "voicemail", "fax", "private_route", "number", "hangup"]
ObjectId = Annotated[int, Field(ge=1, lt=2**63)] | None


@dataclass(frozen=True, slots=True)
class Offered:
    """One line of the picker's left column."""

    kind: Kind
    label: LazyText
    icon: str

    @property
    def value(self) -> str:
        return self.kind.value


async def offered(tx: DomainTx, kinds: Collection[Kind]) -> list[Offered]:
    """Those of the kinds that this domain can choose: their objects are known, their service is there [RTE-33]."""
    found = []
    for kind in kinds:
        if kind in OWNED:
            is_there = any(registry.objects(owner) for owner in OWNERS)
        elif kind is Kind.PRIVATE_ROUTE:
            is_there = await registry.has_private_routes(tx)
        else:
            is_there = kind in DIALLED or kind is Kind.HANGUP or registry.objects(kind.value) is not None
        if is_there:
            found.append(Offered(kind, registry.label(kind), ICONS[kind]))
    return found


class DestinationForm(FormModel):
    """Base of a form with one picker."""

    target_kind: KindCode = ""
    target_owner: Literal["", "user", "group"] = ""
    target_id: ObjectId = None
    target_number: str = ""

    def destination(self, kinds: frozenset[Kind]) -> Destination:
        """Raises InvalidFields: nothing is chosen, or a kind that is not offered here [RTE-32]."""
        return destination(self.target_kind, self.target_owner, self.target_id, self.target_number, kinds=kinds)


def destination(kind: str, owner: str, object_id: int | None, number: str, *, kinds: frozenset[Kind],
                prefix: str = "target") -> Destination:
    """What is not of this kind is left out: a picker may still hold what was chosen before.

    Raises:
        InvalidFields: under `<prefix>_kind` or `<prefix>_number`.
    """
    known = {one.value: one for one in kinds}
    if kind not in known:
        raise _wrong(f"{prefix}_kind", _("Choose where calls go."))
    chosen = known[kind]
    field = f"{prefix}_number" if chosen in DIALLED else f"{prefix}_kind"
    has_id = chosen not in DIALLED and chosen is not Kind.HANGUP
    try:
        return Destination(chosen, object_id if has_id else None, owner if chosen in OWNED else "",
                           "".join(ch for ch in number if ch not in " -()") if chosen in DIALLED else "")
    except ValueError as wrong:
        raise _wrong(field, {
            Kind.PRIVATE_ROUTE: _("From 1 to 20 characters: digits, *, # and +."),
            Kind.NUMBER: _("Enter a telephone number, digits only."),
        }.get(chosen, _("Choose an object from the list."))) from wrong


def _wrong(field: str, text: str) -> InvalidFields:
    return InvalidFields("target", text, fields={field: text})
