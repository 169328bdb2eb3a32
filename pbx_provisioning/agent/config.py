"""Where the agent finds its Asterisk."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from app.settings import load_secrets, state_dir


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """`asterisk_state` holds Asterisk's `etc/` and `log/` as this machine sees them. Times are seconds."""

    asterisk_state: Path
    spool_state: Path  # offset and quarantine files
    ami_host: str = "127.0.0.1"
    ami_port: int = 5038
    ami_user: str = "switchroom"
    ami_secret: str = field(default="", repr=False)
    debounce: float = 0.1
    sweep_every: float = 5.0
    heartbeat_every: float = 2.0
    drift_every: float = 300.0
    seen_every: float = 5.0
    orphan_after: float = 60.0
    ship_every: float = 0.1
    ship_batch: int = 4000
    rotate_after: float = 86_400.0

    @property
    def etc(self) -> Path:
        return self.asterisk_state / "etc"

    @property
    def cdr_file(self) -> Path:
        return self.asterisk_state / "log/cdr-custom/switchroom.csv"

    @property
    def cel_file(self) -> Path:
        return self.asterisk_state / "log/cel-custom/switchroom.csv"


def from_environment() -> AgentConfig:
    """ASTERISK_STATE, ASTERISK_AMI_HOST, _PORT, _USER, _SECRET; AGENT_STATE, AGENT_SEEN_SECONDS,
    AGENT_ORPHAN_SECONDS; the rest has defaults."""
    env = os.environ
    folder = state_dir()
    return AgentConfig(
        asterisk_state=Path(env.get("ASTERISK_STATE") or folder / "asterisk").resolve(),
        spool_state=Path(env.get("AGENT_STATE") or folder / "agent").resolve(),
        ami_host=env.get("ASTERISK_AMI_HOST", "127.0.0.1"),
        ami_port=int(env.get("ASTERISK_AMI_PORT", "5038")),
        ami_user=env.get("ASTERISK_AMI_USER", "switchroom"),
        ami_secret=env.get("ASTERISK_AMI_SECRET") or load_secrets(folder)["ami_secret"],
        seen_every=float(env.get("AGENT_SEEN_SECONDS", "5")),
        orphan_after=float(env.get("AGENT_ORPHAN_SECONDS", "60")))
