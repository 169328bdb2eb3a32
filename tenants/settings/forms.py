"""What the page of general settings sends: text, judged by the rules all at once [SET-31]."""

from __future__ import annotations

from app.web.forms import FormModel


class SettingsForm(FormModel):
    """A ticked box sends "on", an unticked one nothing."""

    timezone: str = ""
    locale: str = ""
    notification_email: str = ""
    balance_notice_on: str = ""
    balance_notice_below: str | None = None  # None: the field was disabled, the stored amount stays
    default_number_id: str = ""
    pickup_number: str = ""
    default_restriction: str = ""
    ring_seconds: str = ""
    ivr_errors: str = ""
    ivr_timeout_seconds: str = ""
    dtmf_transfer: str = ""
    dtmf_fax: str = ""
    dtmf_conference_add: str = ""
    dtmf_conference_remove: str = ""
    dtmf_hold: str = ""

    def typed(self) -> dict[str, str]:
        return {name: value for name, value in self if value is not None}
