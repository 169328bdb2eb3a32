"""Users as a paid service [SVC-08]."""

from __future__ import annotations

from app.kernel.i18n import lazy
from billing.services.catalogue import Descriptor, register
from billing.tariffs.plan import ADDITIONAL_USER

register(Descriptor(
    ADDITIONAL_USER, lazy("Additional user"), lazy("An employee with an extension, a SIP account and a sign-in."),
    lazy("Every user beyond those that the tariff includes costs this fee. A user can call and be called at any "
         "telephone, forward calls, receive faxes and voice messages and has a personal area."),
    "users", configure="/users", order=20))
