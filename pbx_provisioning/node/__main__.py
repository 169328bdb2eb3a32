"""`python -m pbx_provisioning.node`: configure and run one Asterisk in the foreground (container images).

Everything comes from the environment; see docker/compose.yaml for the names.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from pbx_provisioning.node.runtime import AsteriskConfig, AsteriskNode, locate


def _config() -> AsteriskConfig:
    env = os.environ
    return AsteriskConfig(
        instance="pbx", node_id=env.get("NODE_NAME", "pbx1"), bind_address=env.get("SIP_BIND", "0.0.0.0"),
        sip_port=int(env.get("SIP_PORT", "5060")), ami_port=int(env.get("ASTERISK_AMI_PORT", "5038")),
        ami_secret=env["ASTERISK_AMI_SECRET"], odbc_host=env.get("DATABASE_HOST", "127.0.0.1"),
        odbc_port=int(env.get("DATABASE_PORT", "5432")), odbc_password=env["DATABASE_NODE_PASSWORD"],
        panel_url=env.get("PANEL_URL", "http://127.0.0.1:8000"), key1=env["NODE_KEY1"], key2=env["NODE_KEY2"])


async def _run() -> None:
    state = Path(os.environ.get("SWITCHROOM_STATE", "/var/lib/switchroom")) / "asterisk" / "pbx"
    node = AsteriskNode(_config(), locate(Path("/nonexistent")), state=state)
    node.write_config()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await node.start()
    await stopping.wait()
    await node.stop()


if __name__ == "__main__":
    asyncio.run(_run())
