"""Records in quarantine `/provider/quarantine` and calls without a rate `/provider/unrated`."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.response import Template

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.i18n import _, format_money, lazy, ngettext
from app.kernel.money import Money
from app.provider.console import BILLING, VIEW, as_page, form_of, show, tariff_choices
from app.provider.fields import Reference
from app.provider.records import jobs, queries, rerate
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery
from app.web.shell import done

QUARANTINE, UNRATED = "/provider/quarantine", "/provider/unrated"
REASONS = {"no_domain": lazy("no such domain"), "closed_before": lazy("the call was closed before"),
           "defect": lazy("its fields do not fit")}
COLUMNS = (Column("at", lazy("Received")), Column("node", lazy("PBX node"), wide_only=True),
           Column("call", lazy("Call id")), Column("reason", lazy("Reason")))
UNRATED_COLUMNS = (Column("at", lazy("Time")), Column("domain", lazy("Domain")), Column("call", lazy("Call")),
                   Column("talk", lazy("Talk time"), numeric=True, wide_only=True), Column("reason", lazy("Reason")))


PORTIONS = 20  # domains' portions of one answer


class RateForm(FormModel):
    tariff_id: Reference | None = None


class RecordPages(Controller):
    opt = VIEW

    @get(QUARANTINE)
    async def quarantine(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=(Filter("reason", lazy("Reason"), REASONS),))
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.quarantined(tx, reason=query.value("reason"), limit=query.limit,
                                                    offset=query.offset)
        return await show(request, "provider/records/quarantine.html", found=as_page(rows, total, query),
                          reasons=REASONS)

    @get(UNRATED)
    async def unrated(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            tariffs = {str(key): name for key, name in await tariff_choices(tx)}
            query = ListQuery.of(request, columns=UNRATED_COLUMNS,
                                 filters=(Filter("tariff", lazy("Tariff"), tariffs),))
            tariff_id = int(query.value("tariff")) if query.value("tariff") else None
            rows, total = await queries.unrated(tx, tariff_id=tariff_id, limit=query.limit, offset=query.offset)
        return await show(request, "provider/records/unrated.html", found=as_page(rows, total, query),
                          tariff_id=tariff_id)

    @post(UNRATED + "/rate", opt=BILLING)
    async def rate(self, request: Request) -> Response:
        """All, or those of one tariff; what is too much for one answer is left to the worker."""
        form = await form_of(request, RateForm)
        rated, amounts, is_all = await _rate(request.user.actor, form.tariff_id)
        text = ngettext("%(n)s call is charged: %(amount)s.", "%(n)s calls are charged: %(amount)s.", rated) % {
            "n": rated, "amount": format_money(amounts)}
        if not rated:
            text = _("No call has a rate yet. Correct the tariff first.") if is_all else ""
        if not is_all:
            text = f"{text} {_('The others follow in the background.')}".strip()
        return done(text, refresh_list=True)


async def _rate(actor: Actor, tariff_id: int | None) -> tuple[int, Money, bool]:
    """(calls, sum, whether that was all); a domain's portion a transaction."""
    async with platform_transaction(actor) as tx:
        waiting: list[tuple[int, rerate.Cursor]] = [(one, rerate.START) for one in await rerate.domains(tx, tariff_id)]
    rated, amounts = 0, Money.zero()
    for _portion in range(PORTIONS):
        if not waiting:
            break
        domain_id, after = waiting.pop(0)
        async with platform_transaction(actor) as tx:
            outcome = await rerate.rate_again(tx, domain_id, after)
        rated, amounts = rated + outcome.rated, amounts + outcome.amount
        if outcome.next:
            waiting.insert(0, (domain_id, outcome.next))
    if waiting:
        async with platform_transaction(actor) as tx:
            for domain_id, after in waiting:
                await jobs.order(tx, domain_id, after)
    return rated, amounts, not waiting


CONTROLLERS = [RecordPages]
