"""In the worker: takes what was dictated, and deletes files that no form was ever saved with."""

from __future__ import annotations

from typing import Any

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.jobs import every
from tenants.sounds import prompts, recording

__all__ = ["recording"]


async def delete_unused_prompts(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(Actor.system(name="worker")) as tx:
        await prompts.delete_unused(tx)


every("delete_unused_prompts", delete_unused_prompts, hour={3}, minute={35})
