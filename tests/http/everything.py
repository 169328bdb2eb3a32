"""A company that has every paid service, and one of each thing that an address of the panel can name."""

from __future__ import annotations

from typing import Any

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from billing.services import catalogue, service
from tests.db.services_world import a_company, a_service

LEVELS = {"base_fee": "user", "additional_user": "user", "contact_center": "operator"}
_OF_TYPE = {"text": "{claim}", "boolean": False, "bigint": 1, "integer": 1, "jsonb": {}, "date": None, "bytea": b"x"}


async def a_company_with_everything() -> Actor:
    """Every service of the catalogue is in its plan for nothing, and those that are switched by hand are on."""
    codes = catalogue.codes()
    actor = await a_company(*(a_service(code, LEVELS.get(code, "special")) for code in codes if code != "additional_user"), money="1000")
    async with domain_transaction(actor) as tx:
        for code in codes:
            if catalogue.find(code).is_manual:
                await service.connect(tx, code)
    return actor


async def things_of(actor: Actor, user_id: int, number_id: int, claim: str) -> dict[str, int]:
    """Names of an address's places → ids of rows that bear `claim` wherever a text may stand."""
    async with domain_transaction(actor) as tx:
        row = _Rows(tx, claim)
        stored = await row.add("file", name=claim, media_type="audio/mpeg", sha256="0" * 64, size=1)
        prompt = await row.add("prompt", file_id=stored, source="upload", sha256="0" * 64)
        group = await row.add("call_group", extension="877")
        scenario = await row.add("ivr_scenario")
        campaign = await row.add("campaign", attempts=1, method="sequential", group_id=group, starts_at=tx.now,
                                 ends_at=await tx.fetchval("SELECT $1::timestamptz + interval '1 day'", tx.now))
        widget = await row.add("widget", public_id=f"{actor.domain_id:032x}")
        recording = await row.add("call_recording", file_id=stored, seconds=1, started_at=tx.now)
        await row.add("speech_job", recording_id=recording, user_id=user_id, started_at=tx.now, due_at=tx.now, key="")
        return {
            "prompt_id": prompt, "group_id": group, "scenario_id": scenario, "campaign_id": campaign,
            "widget_id": widget, "recording_id": recording, "operator_id": user_id,
            "topic_id": await row.add("group_topic", group_id=group),
            "menu_id": await row.add("ivr_menu", scenario_id=scenario, is_main=False),
            "client_id": await row.add("campaign_client", campaign_id=campaign),
            "status_id": await row.add("campaign_status", campaign_id=campaign, name="own"),
            "task_id": await row.add("dial_task", timezone="Europe/Moscow", name="task"),
            "message_id": await row.add("operator_message"),
            "vip_id": await row.add("vip_number", number="79161112233", priority=1),
            "device_id": await row.add("sip_device", mac=f"AA{actor.domain_id:010X}", serial=f"SN{actor.domain_id:010}",
                                       primary_host="", backup_host="", model=claim),
            "criterion_id": await row.add("speech_criterion", weight=1, wanted=[claim]),
            "rule_id": await row.add("routing_rule", number_id=number_id, target_kind="user", target_id=user_id,
                                     priority=1, number=None),
        }


class _Rows:
    """Rows with the least that a table wants; texts that must be there are the claim."""

    def __init__(self, tx: DomainTx, claim: str) -> None:
        self._tx, self._claim = tx, claim

    async def add(self, table: str, *, key: str = "id", **values: Any) -> int:
        wanted = await self._tx.fetch(
            "SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name = $1 AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' "
            "AND is_generated = 'NEVER'", table)
        row = {"domain_id": self._tx.domain_id} | {
            one["name"]: self._of(one["type"]) for one in wanted if one["name"] not in {*values, "domain_id"}}
        row |= {name: value for name, value in values.items() if value is not None}
        names = list(row)
        return await self._tx.fetchval(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f'${n}' for n in range(1, len(names) + 1))}) "
            f"RETURNING {key or '0'}", *row.values())

    def _of(self, kind: str) -> Any:
        if kind.startswith("timestamp"):
            return self._tx.now
        if kind == "ARRAY":
            return []
        value = _OF_TYPE[kind]
        return value.format(claim=self._claim) if isinstance(value, str) else value
