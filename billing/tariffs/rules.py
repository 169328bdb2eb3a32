"""Versions of a tariff and the moment they come into force; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from zoneinfo import ZoneInfo


class VersionState(Enum):
    DRAFT = "draft"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Version:
    """A set of terms and destination rates; in force from 00:00 of `valid_from` in the tariff's zone."""

    version_id: int
    state: VersionState
    valid_from: date


def version_in_force(versions: Iterable[Version], at: datetime, time_zone: str) -> Version | None:
    """The published version with the latest date not after the moment; of one date the newest."""
    today = at.astimezone(ZoneInfo(time_zone)).date()
    begun = [v for v in versions if v.state is VersionState.PUBLISHED and v.valid_from <= today]
    return max(begun, key=lambda v: (v.valid_from, v.version_id), default=None)


def may_publish(version: Version, now: datetime, time_zone: str) -> bool:
    """A draft may be published for today or later: calls already rated keep their version."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    return version.state is VersionState.DRAFT and version.valid_from >= today
