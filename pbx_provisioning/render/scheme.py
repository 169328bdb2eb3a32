"""A user's scheme as lines of `[d<id>-scheme]`; what they fill, and for what: `node/templates/sw-forward.conf`.

Only ids, digits, validated logins and hashes enter the text. Each contact number is one line per part of the week in
which it is rung: Asterisk looks at its clock when the call arrives, so neither panel nor database is asked [FWD-34].
"""

from __future__ import annotations

import re

from pbx_provisioning.plan.scheme import Leg, Scheme
from tenants.forwarding.rules import DAY, Span

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"(\*|[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9])"
_TOKEN = r"[0-9]{1,2}:(x:[0-9]{1,3}:[1-9][0-9]{6,14}|p:[0-9]{1,3}:[a-z0-9._-]{1,64}@[a-z0-9.-]{1,253})&"
_APPEND = rf"Set\(SW_PLAN=\$\{{SW_PLAN\}}{_TOKEN}\)"
FORM = re.compile(
    r"exten => u[0-9]{1,19},[0-9]{1,4},(Return\(\)|Set\(SW_GREETING=([0-9a-f]{64})?\)"
    r"|Set\(SW_RINGBACK=(r[0-9]{1,19})?\)"
    rf"|Set\(SW_VM=(off|none|system|[0-9a-f]{{64}})\)|Set\(SW_PLAN=\)|{_APPEND}"
    rf"|ExecIfTime\({_CLOCK},[a-z&]{{3,27}},\*,\*,[A-Za-z0-9_+/-]{{1,50}}\?{_APPEND}\))")


def lines(user_id: int, scheme: Scheme) -> str:
    """The body of the object: each step with its own priority."""
    steps = [f"Set(SW_GREETING={scheme.greeting})", f"Set(SW_RINGBACK={f'r{user_id}' if scheme.has_ringback else ''})",
             f"Set(SW_VM={scheme.voicemail})", "Set(SW_PLAN=)"]
    for leg in scheme.legs:
        steps += _steps(leg, scheme.zone)
    steps.append("Return()")
    return "\n".join(f"exten => u{user_id},{place},{step}" for place, step in enumerate(steps, 1))


def _steps(leg: Leg, zone: str) -> list[str]:
    token = f"{leg.priority}:{'x' if leg.is_external else 'p'}:{leg.ring_seconds}:{leg.target}&"
    put = f"Set(SW_PLAN=${{SW_PLAN}}{token})"
    return [f"ExecIfTime({clock},{days},*,*,{zone}?{put})" for span in leg.spans
            for days, clock in times(span)] or [put]


def times(span: Span) -> list[tuple[str, str]]:
    """Days and hours as Asterisk has them: the whole last minute counts, there is no 24:00 [RTE-61]."""
    days = "&".join(_DAYS[day - 1] for day in span.days)
    return [(days, time_range(start, end)) for start, end in span.hours]


def time_range(start: int, end: int) -> str:
    if (start, end) == (0, DAY):
        return "*"
    last = end - 1
    return f"{start // 60:02}:{start % 60:02}-{last // 60:02}:{last % 60:02}"
