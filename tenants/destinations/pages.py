"""The right column of the picker: objects of the chosen kind, or the field of a number: `/destinations` [RTE-30…33]."""

from __future__ import annotations

import re
from collections.abc import Sequence

from litestar import Controller, Request, get
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.destinations import registry
from tenants.destinations.model import OWNED, OWNERS, Kind

MOST = 50  # rows at once; a search finds the others
_PREFIX = re.compile(r"[a-z][a-z_]{0,19}")
NEW = {"user": "/users/new"}  # "+ New user" [RTE-31]


class DestinationPages(Controller):
    """Names of the query are those of the form's fields, so that the form itself asks; plain ones do too."""

    path = "/destinations"
    opt = {"permission": Permission.DOMAIN_VIEW}

    @get("/choices")
    async def choices(self, request: Request) -> Template:
        query = request.query_params
        prefix = query.get("prefix") or "target"
        if not _PREFIX.fullmatch(prefix):
            raise NotFound("not_found", _("There is no such page."))

        def sent(name: str) -> str:
            return str(query.get(f"{prefix}_{name}") or query.get(name) or "")[:200]

        try:
            kind = Kind(sent("kind"))
        except ValueError:
            raise NotFound("not_found", _("There is no such page.")) from None
        owners = [one for one in OWNERS if registry.objects(one)] if kind in OWNED else []
        owner = sent("owner") if sent("owner") in owners else (owners or [""])[0]
        chosen = int(sent("id")) if sent("id").isascii() and sent("id").isdigit() and len(sent("id")) < 19 else 0
        async with domain_transaction(request.user.actor) as tx:
            rows = await _rows(tx, owner or kind.value, sent("search"), chosen)
        return Template("destinations/choices.html", context={
            "kind": kind.value, "owner": owner, "owners": owners, "prefix": prefix, "rows": rows, "chosen": chosen,
            "number": sent("number"), "search": sent("search"), "new_url": NEW.get(kind.value, ""), "most": MOST})


async def _rows(tx: DomainTx, code: str, search: str, chosen: int) -> Sequence[registry.Choice]:
    """What was chosen stands first, also where a search does not find it."""
    objects = registry.objects(code)
    if objects is None:
        return ()
    rows = [one for one in await objects.choices(tx, search, MOST) if one.id != chosen]
    first = (await objects.find(tx, [chosen])).get(chosen) if chosen else None
    return [first, *rows] if first else rows


CONTROLLERS = [DestinationPages]
