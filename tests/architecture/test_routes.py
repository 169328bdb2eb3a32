"""Every route says who may use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.handlers.base import BaseRouteHandler

from app.auth.guards import wanted_permission
from app.auth.permissions import ROLE_PERMISSIONS, Permission

STATE_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def app(servers: object) -> Litestar:
    from app.asgi import create_app

    return create_app()


def _handlers(app: Litestar) -> Iterator[tuple[str, BaseRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[attr-defined]
            # the framework's own answer to OPTIONS tells the allowed methods and nothing else
            if getattr(handler, "http_methods", None) != {"OPTIONS"}:
                yield route.path, handler


def test_every_route_has_a_permission(app: Litestar) -> None:
    without = [f"{path} {handler}" for path, handler in _handlers(app)
               if not isinstance(wanted_permission(handler), Permission)]
    assert without == []


def test_only_signed_requests_change_anything_without_the_csrf_check(app: Litestar) -> None:
    """Such a route has no session either (see SessionMiddleware). `/enter` brings a one-time secret of the page that
    it comes from, which is more than a CSRF token; Stripe signs its calls (tests/http/test_card_webhook.py); the
    provider's internal API wants a key (tests/http/test_provider_api.py); visitors of foreign sites have no session with
    us, their requests are limited and checked (tests/http/test_widgets.py); external systems sign their requests
    (tests/http/test_integration_api_methods.py), CRMs bring tokens or the secret of their account (test_crm.py)."""
    exempt = [f"{path} {handler}" for path, handler in _handlers(app)
              if handler.opt.get("csrf_exempt") and STATE_CHANGING & set(getattr(handler, "http_methods", ()))
              and wanted_permission(handler) not in (Permission.NODE, Permission.PAYMENTS_API)
              and path not in ("/enter", "/stripe/webhook", "/widget/v1/{public_id:str}/requests")
              and not path.startswith(("/pbx-api/", "/crm-connect/", "/crm-widget/"))]
    assert exempt == []


def test_each_panel_asks_for_the_permissions_of_its_own_people(app: Litestar) -> None:
    """An address decides whose cookie counts, so a permission of another panel could never be met there."""
    own = {"/provider": ("provider_",), "/group": ("pool_",)}
    wrong = []
    for path, handler in _handlers(app):
        wanted = wanted_permission(handler)
        assert wanted is not None
        panel = next((name for name in own if path == name or path.startswith(name + "/")), "")
        foreign = [prefix for name, prefixes in own.items() if name != panel for prefix in prefixes]
        if wanted.value.startswith(tuple(foreign)):
            wrong.append(f"{path} {wanted}")
        if panel and wanted not in (Permission.PUBLIC, Permission.SIGNED_IN) \
                and not wanted.value.startswith(own[panel]):
            wrong.append(f"{path} {wanted}")
    assert wrong == []


def test_every_permission_of_people_is_given_to_some_role() -> None:
    given = frozenset().union(*ROLE_PERMISSIONS.values()) | {Permission.WORKPLACE}  # of an operator, whatever the role
    assert set(Permission) - given == {Permission.PUBLIC, Permission.NODE, Permission.SIGNED_IN}
