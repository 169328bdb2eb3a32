"""Columns of a user; constraints and policies are in `migrations/tenants/0002_domains.sql`."""

from __future__ import annotations

from piccolo.columns import Array, BigInt, BigSerial, Boolean, Bytea, Text, Timestamptz
from piccolo.table import Table

from app.kernel.db import DB


class User(Table, tablename="domain_user", db=DB):
    """A person of a domain. `default=None`: saving it unset raises."""

    id: BigSerial = BigSerial(primary_key=True)
    domain_id = BigInt(default=None)
    login = Text(default=None)  # user part of login@domain, never changed
    display_name = Text(default=None)
    extension = Text(default=None)  # digits; kept in `internal_number` too, by a trigger
    position = Text(default="")
    email = Text(default="")
    password_hash = Text(default=None, secret=True)
    sip_ha1 = Text(default=None, secret=True)
    is_admin = Boolean(default=False)
    is_operator = Boolean(default=False)
    outgoing_number_id = BigInt(null=True, default=None)
    outgoing_restriction = Text(null=True, default=None)
    pickup_group_id = BigInt(null=True, default=None)  # whose ringing calls this user may answer
    notify_voicemail = Boolean(default=False)
    voicemail_on = Boolean(default=False)
    voicemail_greeting_on = Boolean(default=False)
    recording_on = Boolean(default=False)
    analytics_on = Boolean(default=False)
    totp_secret = Bytea(null=True, default=None, secret=True)  # sealed (app/auth/factor)
    totp_step = BigInt(default=0)  # of the last code used: none works twice
    totp_recovery = Array(base_column=Text(), default=list, secret=True)  # hashes
    notify_sign_in = Boolean(default=True)
    locale = Text(default="")
    created_at = Timestamptz()
