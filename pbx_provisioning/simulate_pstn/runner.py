"""The simulated public network: a second Asterisk that plays carrier and everyone outside."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pbx_provisioning.node.runtime import Asterisk, AsteriskConfig, AsteriskNode

TEMPLATES = Path(__file__).parent / "templates"
TRUNK_CONF = """\
[{trunk}]
type = endpoint
context = sw-in
disallow = all
allow = alaw,ulaw
aors = {trunk}
direct_media = no
send_pai = yes

[{trunk}]
type = aor
contact = sip:{host}:{port}
qualify_frequency = 30

[{trunk}]
type = identify
endpoint = {trunk}
match = {host}
"""


@dataclass(frozen=True, slots=True)
class PstnConfig:
    """Where the public network listens and which node it serves."""

    instance: str = "pstn"
    bind_address: str = "127.0.0.3"
    sip_port: int = 5060
    ami_port: int = 5039
    ami_secret: str = ""
    rtp_first: int = 30000
    rtp_last: int = 30999
    node_host: str = "127.0.0.2"
    node_port: int = 5060
    language: str = "ru"


def pstn_node(config: PstnConfig, asterisk: Asterisk, *, state: Path | None = None) -> AsteriskNode:
    """A node object for it; `write_config()`, `start()` and `stop()` as of any other."""
    base = AsteriskConfig(
        instance=config.instance, node_id=config.instance, bind_address=config.bind_address,
        sip_port=config.sip_port, ami_port=config.ami_port, ami_secret=config.ami_secret,
        rtp_first=config.rtp_first, rtp_last=config.rtp_last, language=config.language)
    return AsteriskNode(base, asterisk, state=state, overlay=TEMPLATES,
                        extra={"node_host": config.node_host, "node_port": str(config.node_port)})


def trunk_conf(trunk: str, config: PstnConfig) -> str:
    """The platform's side of the trunk, a piece of `pjsip.d/trunks.conf`."""
    return TRUNK_CONF.format(trunk=trunk, host=config.bind_address, port=config.sip_port)


async def call_in(node: AsteriskNode, number: str) -> str:
    """Let somebody outside call `number` (digits); he speaks when it is answered."""
    if not number.isdigit():
        raise ValueError("digits only")
    return await node.rx(f"channel originate Local/{number}@call-in extension s@talk")
