"""Trunks of a node: PJSIP sections and dialplan globals. Endpoint of trunk 7 is `t7`."""

from __future__ import annotations

from collections.abc import Sequence

from pbx_provisioning.plan.model import Trunk

HEAD = "; Written by the agent; changes made here are undone.\n"
# What goes before the E.164 digits; the dialplan itself makes the national form.
PREFIX = {"e164": "", "plus": "+", "national": ""}


def endpoint_name(trunk_id: int) -> str:
    """How the dialplan, the authorisation and call records call a trunk."""
    return f"t{trunk_id}"


def pjsip_file(trunks: Sequence[Trunk]) -> str:
    """`pjsip.d/trunks.conf`: known by address, challenged by nobody, sent to [sw-in]."""
    return HEAD + "".join(_sections(trunk) for trunk in trunks)


def _sections(trunk: Trunk) -> str:
    name = endpoint_name(trunk.id)
    place = f"[{trunk.host}]" if trunk.is_ipv6 else trunk.host
    auth = f"outbound_auth = {name}\n" if trunk.username else ""
    login = (f"\n[{name}]\ntype = auth\nauth_type = digest\nusername = {trunk.username}\n"
             f"password = {trunk.password}\n" if trunk.username else "")
    return (
        f"\n[{name}]\ntype = endpoint\ntransport = transport-{trunk.transport}\ncontext = sw-in\n"
        f"aors = {name}\n{auth}disallow = all\nallow = alaw,ulaw,g722\ndirect_media = no\n"
        "rtp_symmetric = yes\nforce_rport = yes\n"
        f"trust_id_inbound = yes\nsend_pai = yes\nallow_subscribe = no\nallow_transfer = no\n"
        "send_connected_line = no\n"  # who talks on after a transfer is nobody's business outside
        f"\n[{name}]\ntype = aor\nqualify_frequency = 30\ncontact = sip:{place}:{trunk.port}"
        f"{';transport=tcp' if trunk.transport == 'tcp' else ''}\n{login}"
        f"\n[{name}]\ntype = identify\nendpoint = {name}\nmatch = {trunk.host}\n")


def globals_file(trunks: Sequence[Trunk]) -> str:
    """`globals.d/trunks.conf`: part of [globals]."""
    names = "&".join(endpoint_name(trunk.id) for trunk in trunks)
    lines = [f"SW_EMERGENCY_TRUNKS = {names}"]
    lines += [f"SW_PREFIX_{endpoint_name(trunk.id)} = {PREFIX[trunk.number_style]}" for trunk in trunks]
    lines += [f"SW_STYLE_{endpoint_name(trunk.id)} = {trunk.number_style}" for trunk in trunks]
    lines += [f"SW_CALLS_{endpoint_name(trunk.id)} = {trunk.max_calls}" for trunk in trunks if trunk.max_calls]
    return HEAD + "\n".join(lines) + "\n"
