"""How the action history and the list of generations name what was done, in the reader's language."""

from __future__ import annotations

from app.kernel.i18n import lazy

ACTIONS = {
    "domain_created": lazy("Domain created"), "switched_to_commercial": lazy("Switched to commercial mode"),
    "block_started": lazy("Blocked"), "block_ended": lazy("Block lifted"),
    "scheme_changed": lazy("Billing scheme changed"), "credit_limit_changed": lazy("Credit limit changed"),
    "tariff_changed": lazy("Tariff changed"), "limits_changed": lazy("Limits changed"),
    "number_given": lazy("Number given"), "number_taken_back": lazy("Number taken back"),
    "number_changed": lazy("Number changed"), "user_created": lazy("User created"),
    "user_changed": lazy("User changed"), "user_deleted": lazy("User deleted"),
    "password_changed": lazy("Password changed"), "payment_recorded": lazy("Payment recorded"),
    "balance_corrected": lazy("Balance corrected"), "signed_in": lazy("Signed in"),
    "sign_in_failed": lazy("Sign-in failed"), "sign_in_locked": lazy("Sign-in locked after failed attempts"),
    "generation_pinned": lazy("Configuration held"), "generation_released": lazy("Configuration released"),
    "released": lazy("Configuration released"), "retried": lazy("Tried again"),
}
FIELDS = {
    "display_name": lazy("Display name"), "extension": lazy("Extension"), "position": lazy("Job title"),
    "email": lazy("E-mail"), "login": lazy("Login"), "is_admin": lazy("Administrator"),
    "restriction": lazy("Restriction"), "outgoing_number_id": lazy("Outgoing number"),
    "target_user_id": lazy("Who rings"), "is_default": lazy("Outgoing number of the domain"),
    "name": lazy("Name"), "company_name": lazy("Company"), "scheme": lazy("Billing scheme"),
    "credit_limit": lazy("Credit limit"), "tariff": lazy("Tariff"), "tariff_id": lazy("Tariff"),
    "mode": lazy("Mode"), "amount": lazy("Amount"), "reason": lazy("Why"), "kind": lazy("Kind"),
    "max_users": lazy("Users"), "number": lazy("Number"), "password": lazy("Password"),
}
VALUES = {"True": lazy("yes"), "False": lazy("no")}


def reason(text: str) -> str:
    """"user_created ivanov" in words; a reason that is none of ours as it stands."""
    action, _space, about = text.partition(" ")
    return f"{ACTIONS[action]}: {about}".removesuffix(": ") if action in ACTIONS else text
