"""Settings: read once from the environment, frozen afterwards.

Every variable has a default that suits one machine; secrets have none and are made by `make up` into
the state folder (`.local/secrets.json`) when the environment does not give them.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know before it can ask the database."""

    state_dir: Path
    environment: str  # "production" | "development" | "test"
    database_url: str  # runtime role: row-level security applies
    database_owner_url: str  # migrations only
    database_pool_size: int
    redis_url: str
    secret_key: bytes  # signs CSRF tokens and links
    public_url: str  # scheme://host[:port] that a browser and letters use
    web_host: str
    web_port: int
    web_workers: int
    metrics_port_worker: int
    metrics_port_agent: int
    node_name: str  # which PBX node this agent serves
    node_key1: str  # inner and outer key of the node's request signature
    node_key2: str
    mail_url: str  # smtp://user:password@host:port, or "folder" (development)
    mail_from: str
    country: str  # ISO 3166 alpha-2 of numbers dialled without a country code
    log_json: bool
    stripe_secret_key: str = field(default="", repr=False)  # both keys or no card payments [FIN-D15]
    stripe_webhook_secret: str = field(default="", repr=False)
    stripe_api_base: str = "https://api.stripe.com"
    card_page_origin: str = "https://checkout.stripe.com"  # where people type their card
    speech_url: str = ""  # of a service that recognises speech; none: recordings are not analysed [SPA-D1]
    speech_key: str = field(default="", repr=False)
    speech_model: str = "whisper-1"

    @property
    def is_secure(self) -> bool:
        """Cookies are marked Secure and HSTS is sent when people arrive by https."""
        return self.public_url.startswith("https://")

    @property
    def form_targets(self) -> tuple[str, ...]:
        """Foreign origins that a form of ours may lead to."""
        return (self.card_page_origin,) if self.stripe_secret_key and self.stripe_webhook_secret else ()

    @property
    def mail_folder(self) -> Path:
        return self.state_dir / "mail"

    @property
    def files_dir(self) -> Path:
        return self.state_dir / "files"


def state_dir() -> Path:
    """Where embedded servers, files and secrets of this installation live."""
    return Path(os.environ.get("SWITCHROOM_STATE") or ROOT / ".local" / "state").resolve()


def load_secrets(folder: Path) -> dict[str, str]:
    """Secrets of this installation: the environment's, else made at the first call and kept for the owner alone."""
    path = folder / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = ("secret_key", "node_key1", "node_key2", "database_owner_password", "database_app_password",
              "database_node_password", "redis_password", "ami_secret")
    missing = [name for name in wanted if name not in known]
    if missing:
        known |= {name: secrets.token_hex(32) for name in missing}
        folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(known, indent=1))
        beside.replace(path)
    return known | {name: os.environ[name.upper()] for name in wanted if os.environ.get(name.upper())}


def from_environment() -> Settings:
    """Read the environment now. `settings()` keeps the first answer."""
    env = os.environ
    folder = state_dir()
    kept = load_secrets(folder)
    port = int(env.get("WEB_PORT", "8000"))
    return Settings(
        state_dir=folder,
        environment=env.get("SWITCHROOM_ENV", "production"),
        database_url=env.get("DATABASE_APP_URL", ""),
        database_owner_url=env.get("DATABASE_URL", ""),
        database_pool_size=int(env.get("DATABASE_POOL", "8")),
        redis_url=env.get("REDIS_URL", ""),
        secret_key=kept["secret_key"].encode(),
        public_url=env.get("PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        web_host=env.get("WEB_HOST", "127.0.0.1"),
        web_port=port,
        web_workers=int(env.get("WEB_WORKERS", "1")),
        metrics_port_worker=int(env.get("WORKER_METRICS_PORT", "0")),
        metrics_port_agent=int(env.get("AGENT_METRICS_PORT", "0")),
        node_name=env.get("NODE_NAME", "pbx1"),
        node_key1=kept["node_key1"],
        node_key2=kept["node_key2"],
        mail_url=env.get("MAIL_URL", "folder"),
        mail_from=env.get("MAIL_FROM", "Switchroom <noreply@switchroom.example>"),
        country=env.get("COUNTRY", "RU"),
        log_json=env.get("LOG_FORMAT", "json") == "json",
        stripe_secret_key=env.get("STRIPE_SECRET_KEY", ""),
        stripe_webhook_secret=env.get("STRIPE_WEBHOOK_SECRET", ""),
        stripe_api_base=env.get("STRIPE_API_BASE", "https://api.stripe.com").rstrip("/"),
        card_page_origin=env.get("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com").rstrip("/"),
        speech_url=env.get("SPEECH_URL", ""),
        speech_key=env.get("SPEECH_KEY", ""),
        speech_model=env.get("SPEECH_MODEL", "whisper-1"),
    )


@cache
def settings() -> Settings:
    """This process's settings."""
    return from_environment()
