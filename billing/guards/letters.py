"""Letters about paid calls that were refused or stopped, to the domain's notification address."""

from __future__ import annotations

from app.kernel import letters
from app.kernel.db import DomainTx
from app.kernel.i18n import lazy, speaking

_DOMAIN, _NUMBER = "company.pbx.example", "+53 7 1234567"

letters.letter(
    "guard_refused", lazy("Call protection refused a call"), lazy("{{ domain }}: a paid call was refused"),
    lazy("Call protection of {{ domain }} refused a paid call of {{ user }} to {{ number }}: {{ reason }}.\n\n"
         "Further refusals for this reason within an hour are not told; they stand in the call history. Limits and "
         "forbidden destinations: General settings, Call protection.\n"),
    domain=_DOMAIN, user="Anna Petrova", number=_NUMBER, reason=lazy("forbidden destination"))
letters.letter(
    "guard_stopped", lazy("Paid calls stopped"), lazy("{{ domain }}: paid calls are stopped"),
    lazy("Paid calls of {{ domain }} are stopped: {{ reason }}. Internal, incoming and emergency calls work.\n\n"
         "{% if until %}They work again on {{ until }}, or when{% else %}They work again when{% endif %} an "
         "administrator lifts it: General settings, Call protection.\n"),
    domain=_DOMAIN, reason=lazy("the daily cap is used up"), until="")
letters.letter(
    "guard_released", lazy("Paid calls work again"), lazy("{{ domain }}: paid calls work again"),
    lazy("Paid calls of {{ domain }} work again. They had been stopped: {{ reason }}.\n"),
    domain=_DOMAIN, reason=lazy("the daily cap is used up"))
letters.letter(
    "guard_destination", lazy("First call to a country"), lazy("{{ domain }}: first call to {{ destination }}"),
    lazy("{{ user }} called {{ number }} ({{ destination }}), where {{ domain }} has not called before or not for "
         "long.\n\n{% if waits %}The call was refused. Calls there are possible when an administrator confirms the "
         "destination: General settings, Call protection.\n{% else %}If nobody of the company made this call, change "
         "the passwords and forbid the destination: General settings, Call protection.\n{% endif %}"),
    domain=_DOMAIN, user="Anna Petrova", number=_NUMBER, destination="Cuba", waits=False)


async def tell(tx: DomainTx, key: str, *, user_id: int | None = None, **facts: object) -> None:
    """One letter; nothing without an address. `user` is filled in where the letter has it."""
    row = await tx.fetchrow(
        "SELECT d.name, d.locale, d.timezone, d.notification_email, u.display_name FROM domain d "
        "LEFT JOIN domain_user u ON u.domain_id = d.id AND u.id = $2 WHERE d.id = $1", tx.domain_id, user_id)
    if row is None or not row["notification_email"]:
        return
    known = {"domain": row["name"], "user": row["display_name"] or ""}
    with speaking(row["locale"], row["timezone"]):
        facts = {name: value() if callable(value) else value for name, value in facts.items()}
        wanted = {name: value for name, value in known.items() if name in letters.REGISTRY[key].sample}
        await letters.queue(tx, key, row["notification_email"], row["locale"], zone=row["timezone"], domain_id=None,
                            attachment_id=None, **wanted, **facts)
