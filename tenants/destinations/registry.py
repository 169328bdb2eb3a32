"""What the owners of objects offer to those that point at them: choices, names, and a word when one is deleted.

Groups, scenarios and users register here; rules, menus and widgets ask here, and tell here who points at an object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import LazyText, _, lazy
from app.web.parts import Affected
from tenants.destinations.model import Destination, Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """One row of the picker. `detail`: the number; `more`: a second line; `url`: its settings, "" for none."""

    id: int
    name: str
    detail: str = ""
    more: str = ""
    url: str = ""


Choices = Callable[[DomainTx, str, int], Awaitable[Sequence[Choice]]]  # search text, most rows
Find = Callable[[DomainTx, Collection[int]], Awaitable[Mapping[int, Choice]]]
Pointers = Callable[[DomainTx, str, int], Awaitable[Sequence[Affected]]]  # object kind, id
Gone = Callable[[DomainTx, str, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """Objects that calls go to: user, group, ivr."""

    code: str
    label: LazyText
    choices: Choices
    find: Find


_LABELS: dict[Kind, LazyText] = {
    Kind.USER: lazy("To a user"), Kind.GROUP: lazy("To a call group"), Kind.IVR: lazy("To an IVR scenario"),
    Kind.VOICEMAIL: lazy("To voice mail of a user or group"), Kind.FAX: lazy("To fax of a user or group"),
    Kind.PRIVATE_ROUTE: lazy("To a private route number"), Kind.NUMBER: lazy("To a telephone number"),
    Kind.HANGUP: lazy("End the call"),
}
Check = Callable[[DomainTx, str], Awaitable[str]]  # a dialled number → a warning, "" for none; raises InvalidFields


@dataclass(frozen=True, slots=True)
class PrivateRoutes:
    """What private routes tell of numbers in an office's own PBX [RTE-33, RTE-35]."""

    is_available: Callable[[DomainTx], Awaitable[bool]]
    check: Check


_private_routes: list[PrivateRoutes] = []
_objects: dict[str, ObjectKind] = {}
_pointers: list[Pointers] = []
_gone: list[Gone] = []


def register(kind: ObjectKind) -> None:
    """Called at import by the feature that owns these objects."""
    _objects[kind.code] = kind


def objects(code: str) -> ObjectKind | None:
    return _objects.get(code)


def use_private_routes(routes: PrivateRoutes) -> None:
    """Called at import by the feature of private routes."""
    _private_routes[:] = [routes]


async def has_private_routes(tx: DomainTx) -> bool:
    return bool(_private_routes) and await _private_routes[0].is_available(tx)


async def dialled_warning(tx: DomainTx, destination: Destination) -> str:
    """What a reader should know of a number of a private route that is being saved, "" for nothing.

    Raises:
        InvalidFields: no private route takes this number.
    """
    if destination.kind is not Kind.PRIVATE_ROUTE or not _private_routes:
        return ""
    return await _private_routes[0].check(tx, destination.number)


def on_pointers(tell: Pointers, gone: Gone) -> None:
    """Register who points at objects: what a deletion dialog names, and what happens when one is deleted."""
    if tell not in _pointers:
        _pointers.append(tell)
        _gone.append(gone)


async def pointers(tx: DomainTx, code: str, object_id: int) -> list[Affected]:
    """What points at this object; for the dialog before it is deleted [RTE-57, IVR-65]."""
    return [one for tell in _pointers for one in await tell(tx, code, object_id)]


async def pointers_of_many(tx: DomainTx, code: str, ids: Collection[int]) -> list[Affected]:
    """The same for several objects that are deleted together: one line of a kind, each name once."""
    found: dict[str, Affected] = {}
    for object_id in ids:
        for one in await pointers(tx, code, object_id):
            names = dict.fromkeys((*(found[str(one.label)].names if str(one.label) in found else ()), *one.names))
            found[str(one.label)] = Affected(one.label, list(names), len(names), one.url)
    return list(found.values())


async def gone(tx: DomainTx, code: str, object_id: int) -> None:
    """Call in the transaction that deletes the object, before it is deleted."""
    for handler in _gone:
        await handler(tx, code, object_id)


async def require(tx: DomainTx, destination: Destination) -> None:
    """Raises NotFound when the object is not of this domain."""
    if destination.id is not None:
        kind = _objects.get(destination.object_kind)
        if kind is None or destination.id not in await kind.find(tx, [destination.id]):
            raise NotFound("target", _("There is no such object."))


async def require_offered(tx: DomainTx, destination: Destination) -> None:
    """Raises NotFound when the service that this kind needs is off [RTE-33]."""
    if destination.kind is Kind.PRIVATE_ROUTE and not await has_private_routes(tx):
        raise NotFound("target", _("There is no such object."))


async def names(tx: DomainTx, destinations: Collection[Destination]) -> dict[Destination, Choice]:
    """Objects of the destinations that are there; one question per kind."""
    found: dict[Destination, Choice] = {}
    for code, kind in _objects.items():
        wanted = {one.id: one for one in destinations if one.object_kind == code and one.id is not None}
        if wanted:
            there = await kind.find(tx, list(wanted))
            found |= {one: there[one.id] for one in destinations
                      if one.object_kind == code and one.id is not None and one.id in there}
    return found


def label(kind: Kind) -> LazyText:
    """Of a destination, in the picker and on schemes."""
    return _LABELS[kind]
