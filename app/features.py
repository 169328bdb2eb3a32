"""What the web process and the worker are put together from. A new feature is one line in each list."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

PAGES = (
    "app.auth.pages",
    "app.auth.sso.pages",
    "app.auth.security.pages",
    "tenants.dashboard.pages",
    "tenants.users.pages",
    "tenants.forwarding.pages",
    "tenants.sounds.pages",
    "tenants.sounds.prompt_pages",
    "tenants.destinations.pages",
    "tenants.routing.pages",
    "tenants.private_routes.pages",
    "tenants.ivr.pages",
    "tenants.ivr.window_pages",
    "tenants.numbers.pages",
    "tenants.pickup.pages",
    "tenants.users.pickup_pages",
    "tenants.operator_messages.pages",
    "tenants.vip.pages",
    "tenants.reports.pages",
    "tenants.realtime.pages",
    "tenants.users.operator_pages",
    "tenants.operators.pages",
    "tenants.groups.pages",
    "tenants.users.group_pages",
    "tenants.settings.pages",
    "tenants.devices.pages",
    "tenants.devices.config_pages",
    "tenants.guards.pages",
    "tenants.directory.pages",
    "tenants.calls.pages",
    "tenants.calls.personal.pages",
    "tenants.faxes.pages",
    "billing.accounts.pages",
    "billing.statements.pages",
    "billing.payments.pages",
    "billing.payments.card.pages",
    "tenants.services.pages",
    "app.modules.recording.pages",
    "app.modules.integration_api.pages",
    "app.modules.integration_api.debugging_pages",
    "app.modules.integration_api.api",
    "app.modules.integration_api.provider_pages",
    "app.modules.crm.pages",
    "app.modules.crm.widget_api",
    "app.modules.crm.smart",
    "app.modules.speech.pages",
    "widgets.pages",
    "widgets.tab_pages",
    "widgets.public",
    "app.modules.autodialler.pages",
    "app.modules.autodialler.number_pages",
    "app.modules.autodialler.provider_pages",
    "app.modules.campaigns.pages",
    "app.modules.campaigns.client_pages",
    "app.modules.campaigns.work_pages",
    "tenants.pools.pages",
    "app.audit.pages",
    "app.provider.pages",
    "app.provider.history.pages",
    "app.provider.private_routes.pages",
    "pbx_provisioning.pages",
    "pbx_provisioning.authorise.api",
)

# imported by the worker: they register jobs, sweeps and outbox handlers
JOBS = (
    "app.auth.jobs",
    "app.audit.jobs",
    "tenants.pools.jobs",
    "app.provider.staff.jobs",
    "app.provider.records.jobs",
    "app.provider.income.jobs",
    "tenants.media",
    "tenants.calls.orders",
    "tenants.faxes.jobs",
    "tenants.sounds.jobs",
    "tenants.voicemail.jobs",
    "tenants.numbers.jobs",
    "tenants.ivr.jobs",
    "app.modules.recording.jobs",
    "app.modules.integration_api.jobs",
    "app.modules.crm.jobs",
    "app.modules.speech.jobs",
    "widgets.jobs",
    "app.modules.autodialler.jobs",
    "app.modules.campaigns.jobs",
    "tenants.domains.jobs",
    "tenants.dashboard.jobs",
    "tenants.settings.jobs",
    "billing.books.jobs",
    "billing.accounts.jobs",
    "billing.payments.jobs",
    "billing.payments.card.jobs",
    "billing.subscriptions.jobs",
    "billing.whatif.jobs",
    "billing.services.jobs",
    "billing.tariff_requests.jobs",
    "billing.guards.jobs",
)

# paid services that features register; a later entry of the same service replaces an earlier one
SERVICES = (
    "app.modules.catalogue",
    "tenants.users.services",
    "app.modules.contact_center.services",
    "app.modules.recording.services",
    "app.modules.integration_api.services",
    "app.modules.crm.services",
    "app.modules.speech.services",
    "widgets.services",
    "app.modules.autodialler.services",
    "app.modules.campaigns.services",
    "tenants.numbers.services",
    "billing.services.channels",
    "tenants.private_routes.lines",
)

# what a domain pays regularly, and what a new month brings it
FEES = (
    "billing.services.fees",
    "billing.packages.service",
    "billing.packages.mgp",
)


def exists(name: str) -> bool:
    """Whether there is such a module; an error inside a package that is there is not hidden."""
    parts = name.split(".")  # parents first: find_spec of a child imports them
    return all(find_spec(".".join(parts[:count])) is not None for count in range(1, len(parts) + 1))


def controllers() -> list[Any]:
    """Controllers and handlers of every feature that is there, in order."""
    found: list[Any] = []
    for name in PAGES:
        if exists(name):
            found += import_module(name).CONTROLLERS
    load_services()
    _connect()
    return found


def load_jobs() -> None:
    """Import every feature's jobs that are there."""
    load_services()
    for name in JOBS:
        if exists(name):
            import_module(name)


def load_services() -> None:
    """Import every feature's descriptors and fees that are there."""
    for name in (*SERVICES, *FEES):
        if exists(name):
            import_module(name)


def _connect() -> None:
    """Where a lower layer offers a registry for what a higher one knows."""
    from app.auth import language, recovery
    from app.auth.security.pages import use_tabs
    from app.web.pages import on_language_chosen
    from tenants.users.credentials import set_password
    from tenants.users.tabs import OWN, tabs_of

    recovery.use_password_setter(set_password)
    use_tabs(lambda: tabs_of(OWN, "/me"))
    on_language_chosen(language.keep_choice)
