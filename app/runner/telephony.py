"""Asterisk on this machine: which one there is, how it is configured, starting it.

The demo runs two instances: the PBX node, and the simulated public network that its trunk leads to.
`ASTERISK_AMI_HOST` names an Asterisk that runs already; then none is started here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.runner.embedded import remembered_port
from app.settings import ROOT, Settings, load_secrets
from pbx_provisioning.node.runtime import AsteriskConfig, AsteriskMissing, AsteriskNode, ensure_root, locate
from pbx_provisioning.simulate_pstn.runner import PstnConfig, pstn_node

PSTN_ADDRESS, PSTN_PORT = "127.0.0.3", 5060  # the demo's simulated public network
ASTERISK_ROOT = ROOT / ".local" / "asterisk-root"


@dataclass(frozen=True, slots=True)
class Telephony:
    """What the agent is told, by environment; and the instance to start (none for an external one)."""

    environment: dict[str, str]
    sip_address: str  # host:port for phones
    node: AsteriskNode | None = None
    missing: str = ""  # why there is no telephony, and what to do


def external() -> Telephony:
    """The Asterisk that the environment describes."""
    host = os.environ["ASTERISK_AMI_HOST"]
    kept = {name: value for name, value in os.environ.items() if name.startswith("ASTERISK_")}
    return Telephony(kept, f"{os.environ.get('ASTERISK_SIP_HOST', host)}:{os.environ.get('ASTERISK_SIP_PORT', 5060)}")


def prepare(settings: Settings, owner_url: str, instance: str = "pbx") -> Telephony:
    """Find or install Asterisk and write its configuration; nothing is started."""
    if os.environ.get("ASTERISK_AMI_HOST"):
        return external()
    if os.environ.get("SWITCHROOM_TELEPHONY") == "off":
        return Telephony({}, "", missing="Telephony is switched off by SWITCHROOM_TELEPHONY=off.")
    try:
        asterisk = locate(ASTERISK_ROOT)
    except AsteriskMissing as missing:
        return Telephony({}, "", missing=f"{missing}")
    config = node_config(settings, owner_url, instance)
    node = AsteriskNode(config, asterisk, state=settings.state_dir / "asterisk" / instance)
    node.write_config()
    environment = {
        "ASTERISK_AMI_HOST": "127.0.0.1", "ASTERISK_AMI_PORT": str(config.ami_port),
        "ASTERISK_AMI_USER": config.ami_user, "ASTERISK_AMI_SECRET": config.ami_secret,
        "ASTERISK_STATE": str(node.state),
    }
    return Telephony(environment, f"{config.bind_address}:{config.sip_port}", node)


def public_network(settings: Settings, of: AsteriskNode) -> AsteriskNode:
    """The simulated carrier on a loopback address of its own, with the node as its only customer."""
    folder = settings.state_dir
    config = PstnConfig(
        instance=f"{of.config.instance}-pstn", bind_address=PSTN_ADDRESS, sip_port=PSTN_PORT,
        ami_port=remembered_port(folder, "pstn-ami", 5039), ami_secret=of.config.ami_secret,
        node_host=of.config.bind_address, node_port=of.config.sip_port)
    node = pstn_node(config, of.asterisk, state=folder / "asterisk" / config.instance)
    node.write_config()
    return node


def node_config(settings: Settings, owner_url: str, instance: str) -> AsteriskConfig:
    """The node's configuration; ports are kept from the first start on."""
    secrets = load_secrets(settings.state_dir)
    place = urlsplit(owner_url)
    folder = settings.state_dir
    return AsteriskConfig(
        instance=instance, node_id=settings.node_name,
        bind_address=os.environ.get("SIP_BIND", "127.0.0.1"),
        sip_port=remembered_port(folder, "sip", int(os.environ.get("SIP_PORT", "5060"))),
        ami_port=remembered_port(folder, "ami", 5038), ami_secret=secrets["ami_secret"],
        odbc_host=place.hostname or "127.0.0.1", odbc_port=place.port or 5432,
        odbc_database=place.path.lstrip("/"), odbc_password=secrets["database_node_password"],
        panel_url=f"http://127.0.0.1:{settings.web_port}", key1=settings.node_key1, key2=settings.node_key2)


def install() -> int:
    """Make the private root unless an Asterisk is at hand; 1 when it cannot be had."""
    try:
        locate(ASTERISK_ROOT)
        return 0
    except AsteriskMissing:
        pass
    try:
        ensure_root(ASTERISK_ROOT)
    except AsteriskMissing as missing:
        print(f"Asterisk: {missing}")
        return 1
    return 0
