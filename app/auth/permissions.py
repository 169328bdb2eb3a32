"""What a route may ask for. Every route names one; a route without a permission fails a test."""

from __future__ import annotations

from enum import Enum


class Permission(Enum):
    PUBLIC = "public"  # sign-in forms, health
    NODE = "node"  # signed by a PBX node's key
    SIGNED_IN = "signed_in"  # anyone with a session
    PAYMENTS_API = "payments_api"  # a key of the provider's internal API, nobody's session

    PERSONAL = "personal"  # a domain user's own area
    WORKPLACE = "workplace"  # an operator's: of the person, not of a role
    DOMAIN_VIEW = "domain_view"  # a domain administrator reads
    USERS_EDIT = "users_edit"
    NUMBERS_EDIT = "numbers_edit"
    CONTACTS_EDIT = "contacts_edit"  # the company's address book
    SETTINGS_EDIT = "settings_edit"  # general settings of the domain
    CALLS_VIEW = "calls_view"
    FINANCE_VIEW = "finance_view"
    FINANCE_EDIT = "finance_edit"
    SERVICES_EDIT = "services_edit"  # paid services of the domain
    PROVISIONING_VIEW = "provisioning_view"

    POOL_VIEW = "pool_view"
    POOL_MANAGE = "pool_manage"

    PROVIDER_VIEW = "provider_view"  # every role of the staff
    PROVIDER_DOMAINS = "provider_domains"
    PROVIDER_BILLING = "provider_billing"
    PROVIDER_TECH = "provider_tech"  # trunks, nodes, generations, jobs
    PROVIDER_SETTINGS = "provider_settings"  # staff, parameters, letters, announcements


_DOMAIN_ADMIN = {Permission.PERSONAL, Permission.DOMAIN_VIEW, Permission.CONTACTS_EDIT,
                 Permission.USERS_EDIT, Permission.NUMBERS_EDIT, Permission.SETTINGS_EDIT,
                 Permission.CALLS_VIEW, Permission.FINANCE_VIEW, Permission.FINANCE_EDIT, Permission.SERVICES_EDIT,
                 Permission.PROVISIONING_VIEW}

VISITOR_ROLE = "domain_visitor"  # somebody from outside who works in a domain and is no user there [POOL-D7]

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    VISITOR_ROLE: frozenset(_DOMAIN_ADMIN - {Permission.PERSONAL}),
    "user": frozenset({Permission.PERSONAL}),
    "domain_admin": frozenset(_DOMAIN_ADMIN),
    "subgroup_admin": frozenset({Permission.POOL_VIEW}),
    "supervisor": frozenset({Permission.POOL_VIEW, Permission.POOL_MANAGE}),
    "support": frozenset({Permission.PROVIDER_VIEW}),
    "billing": frozenset({Permission.PROVIDER_VIEW, Permission.PROVIDER_BILLING, Permission.PROVIDER_DOMAINS}),
    "administrator": frozenset({Permission.PROVIDER_VIEW, Permission.PROVIDER_BILLING,
                                Permission.PROVIDER_DOMAINS, Permission.PROVIDER_TECH,
                                Permission.PROVIDER_SETTINGS}),
    "provider_api": frozenset({Permission.PAYMENTS_API}),
}
