"""What services there are, in words and by how they are counted. Prices belong to the tariff plan [SVC-14]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.kernel.db import DomainTx
from app.kernel.i18n import LazyText
from app.web.parts import Affected
from billing.accounts import present

Deletes = Callable[[DomainTx], Awaitable[Sequence[Affected]]]
Hook = Callable[[DomainTx], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A service as features know it. `code` is that of the plan and of the ledger's lines.

    `is_manual`: switched on and off on the page of services [SVC-06]. `configure`: address of its section, "" while
    there is none [SVC-07]. `count`: SELECT of (domain_id, number of instances) for the domain ids in $1, of the level
    "special"; `minimum` instances a domain has always, those of the plan at least. `deletes` tells what disconnecting
    deletes, `on_disconnect` deletes it [SVC-35, SVC-D5]. Without `needs_plan` instances are free where the plan does
    not know the service. `percent`: SELECT of (domain_id, percent of the plan's monthly price) for the domain ids in
    $1, where a domain's own choice makes its instances cheaper or dearer [REC-D4].
    """

    code: str
    name: LazyText | str
    short: LazyText | str = ""
    details: LazyText | str = ""
    icon: str = "apps"
    is_manual: bool = False
    configure: str = ""
    functions: frozenset[str] = field(default_factory=frozenset)
    count: str = ""
    percent: str = ""
    minimum: int = 0
    needs_plan: bool = True
    deletes: Deletes | None = None
    on_connect: Hook | None = None
    on_disconnect: Hook | None = None
    change: str = ""  # address of the window that changes the number of instances [SVC-41]
    order: int = 100  # place in the list, within its part


_known: dict[str, Descriptor] = {}


def register(*descriptors: Descriptor) -> None:
    """Called at import. The same code again replaces the entry."""
    for one in descriptors:
        _known[one.code] = one
        if isinstance(one.name, LazyText):
            present.SERVICES[one.code] = one.name


def find(code: str) -> Descriptor:
    """Of a code that nobody has registered: a service that only costs."""
    return _known.get(code) or Descriptor(code, code)


def codes() -> tuple[str, ...]:
    """In the order of the list."""
    return tuple(sorted(_known, key=lambda code: _known[code].order))


def with_function(name: str) -> tuple[str, ...]:
    """The packages that contain a function [SVC-14]."""
    return tuple(code for code, one in _known.items() if name in one.functions)
