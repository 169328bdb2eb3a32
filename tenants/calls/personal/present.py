"""Words and icons of one user's journal."""

from __future__ import annotations

from app.kernel.i18n import _, lazy

# The eight values of ACC-52 / VM-04: icon, colour, words
KINDS = {
    "in_ok": ("phone-incoming", "success", lazy("Incoming answered")),
    "in_missed": ("phone-x", "danger", lazy("Incoming missed")),
    "out_ok": ("phone-outgoing", "success", lazy("Outgoing successful")),
    "out_failed": ("phone-off", "danger", lazy("Outgoing failed")),
    "out_redirected": ("arrow-right", "info", lazy("Outgoing, redirected")),
    "transferred": ("transfer", "info", lazy("Transferred")),
    "conference": ("users", "info", lazy("Conference")),
    "voicemail": ("inbox", "warning", lazy("Voicemail")),
}
DIRECTIONS = {"in": lazy("incoming"), "out": lazy("outgoing")}


def talk_time(seconds: int) -> str:
    """"50 s", "1 min 29 s" [VM-03]."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(hours)s h %(minutes)s min %(seconds)s s") % {"hours": hours, "minutes": minutes, "seconds": rest}
    if minutes:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    return _("%(seconds)s s") % {"seconds": rest}
