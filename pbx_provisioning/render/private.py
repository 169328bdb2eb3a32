"""`pjsip.d/private.conf`: the trunks of private routes. Endpoint of route 7 is `prv7`, which is its login too."""

from __future__ import annotations

from collections.abc import Sequence

from pbx_provisioning.plan.private import PrivateTrunk
from pbx_provisioning.render.trunks import HEAD


def private_file(trunks: Sequence[PrivateTrunk]) -> str:
    return HEAD + "".join(_sections(trunk) for trunk in trunks)


def _sections(trunk: PrivateTrunk) -> str:
    """By address: From is the caller's number. By password: From is the login, the caller's number is asserted."""
    name = f"prv{trunk.id}"
    place = f"[{trunk.host}]" if trunk.is_ipv6 else trunk.host
    known = (f"identify_by = username\nauth = {name}\noutbound_auth = {name}\ntrust_id_inbound = yes\n"
             if trunk.password else "identify_by = ip\ntrust_id_inbound = no\n")
    proof = (f"\n[{name}]\ntype = auth\nauth_type = digest\nusername = {name}\npassword = {trunk.password}\n"
             if trunk.password else f"\n[{name}]\ntype = identify\nendpoint = {name}\nmatch = {trunk.host}\n")
    return (
        f"\n[{name}]\ntype = endpoint\ntransport = transport-{trunk.transport}\ncontext = sw-private-in\n"
        f"aors = {name}\n{known}disallow = all\nallow = {trunk.codecs}\nlanguage = {trunk.language}\n"
        "direct_media = no\nrtp_symmetric = yes\nforce_rport = yes\nsend_pai = no\nsend_rpid = no\n"
        "send_diversion = no\nallow_subscribe = no\nallow_transfer = no\nsend_connected_line = no\n"
        f"set_var = SW_PRV_OF={trunk.domain_id}\n"
        f"\n[{name}]\ntype = aor\nqualify_frequency = 30\ncontact = sip:{place}:{trunk.port}"
        f"{';transport=tcp' if trunk.transport == 'tcp' else ''}\n{proof}")
