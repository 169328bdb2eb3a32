"""Jinja for the panel: where templates are, what they can call, compiled once and kept."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from markupsafe import Markup

from app.kernel import i18n
from app.kernel.money import Money
from app.settings import ROOT
from app.web import csrf, jinja_speed
from app.web.assets import asset_url

TEMPLATES_DIR = Path(__file__).parent / "templates"
PACKAGES = ("app", "tenants", "billing", "pbx_provisioning", "widgets")


class FeatureLoader(jinja2.BaseLoader):
    """`users/list.html` is `templates/list.html` of the folder `…/users/`; other names are the shell's.

    A nested feature keeps its path: `users/forwarding/card.html` is found in `…/users/forwarding/`.
    """

    def __init__(self) -> None:
        self.own = jinja2.FileSystemLoader(TEMPLATES_DIR)
        self.features: dict[str, jinja2.FileSystemLoader] = {}
        for package in PACKAGES:
            for folder in sorted((ROOT / package).glob("**/templates")):
                self._add(package, folder)

    def _add(self, package: str, folder: Path) -> None:
        if folder == TEMPLATES_DIR:
            return
        name = str(folder.parent.relative_to(ROOT / package)).removeprefix("modules/")
        name = package if name == "." else name
        if name in self.features:
            raise ValueError(f"two features are called {name!r}: {folder}")
        self.features[name] = jinja2.FileSystemLoader(folder)

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple:
        parts = template.split("/")
        for cut in range(len(parts) - 1, 0, -1):
            loader = self.features.get("/".join(parts[:cut]))
            if loader:
                try:
                    return loader.get_source(environment, "/".join(parts[cut:]))
                except jinja2.TemplateNotFound:
                    continue
        return self.own.get_source(environment, template)

    def list_templates(self) -> list[str]:
        own = self.own.list_templates()
        return own + [f"{name}/{one}" for name, loader in self.features.items()
                      for one in loader.list_templates()]


def when(moment: datetime | None, seconds: bool = False) -> Markup:
    """A `<time>` in the reader's zone; the browser adds "5 minutes ago" on hover."""
    if moment is None:
        return DASH
    shown = i18n.format_datetime(moment, seconds=seconds)
    return Markup(f'<time datetime="{moment.isoformat(timespec="seconds")}">{shown}</time>')


def day(value: date | None) -> Markup | str:
    """A date; of a datetime, the day in the reader's zone."""
    return DASH if value is None else i18n.format_date(value)


def money(value: Money | None, exact: bool = False, trim: bool = False) -> Markup | str:
    return DASH if value is None else i18n.format_money(value, exact=exact, trim=trim)


def phone(value: str | None) -> Markup | str:
    return i18n.format_phone(value) if value else DASH


def number(value: Decimal | int | float | None, decimals: int | None = None) -> Markup | str:
    return DASH if value is None else i18n.format_number(value, decimals)


@lru_cache(maxsize=1024)
def icon(name: str, extra: str = "") -> Markup:
    """An icon of the sprite, decorative: the text beside it (or an aria-label) says what it means."""
    return Markup(f'<svg class="icon {extra}" aria-hidden="true"><use href="{asset_url("vendor/icons.svg")}'
                  f'#{name}"/></svg>')


def to_attribute(value: object) -> str:
    """JSON for a data attribute; autoescape does the quoting."""
    return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))


def badge(text: object, kind: str = "secondary", pic: str = "") -> Markup:
    """A coloured word. Kinds: success, danger, warning, info, secondary."""
    return _badge(text if isinstance(text, Markup) else str(text), kind, pic)  # lazy texts in the reader's language


@lru_cache(maxsize=2048, typed=True)  # a list repeats them per row; markup and the same plain text differ
def _badge(text: str, kind: str, pic: str) -> Markup:
    colour = {"success": "green", "danger": "red", "warning": "orange", "info": "azure"}.get(kind, "secondary")
    return Markup('<span class="badge bg-{}-lt">{}{}</span>').format(colour, icon(pic) if pic else "", text)


_texts: dict[tuple[str, str], Markup] = {}


def text(message: str, /, **values: object) -> Markup:
    """`_()` of templates: our own texts are markup already, only the values put into them are escaped.

    The extension's version formats and wraps at every call; a list page has hundreds of them.
    """
    key = (i18n.language(), message)
    found = _texts.get(key)
    if found is None:
        if len(_texts) > 20_000:
            _texts.clear()
        found = _texts[key] = Markup(i18n.gettext(message))
    return found % values if values or "%" in found else found


def plural_text(singular: str, plural: str, num: int, /, **values: object) -> Markup:
    return Markup(i18n.ngettext(singular, plural, num)) % ({"num": num} | values)


class FastContext(jinja2.runtime.Context):
    """Jinja's own `call` looks for markers and catches StopIteration; macros need neither."""

    def call(self, called: Any, /, *arguments: Any, **named: Any) -> Any:
        kind = type(called)
        if kind is jinja2.runtime.Macro or called is text:
            if named:
                named.pop("_block_vars", None)
                named.pop("_loop_vars", None)
            if kind is jinja2.runtime.Macro and not named and jinja_speed.is_plain(called, len(arguments)):
                return jinja_speed.call_plain(called, arguments)
            return called(*arguments, **named)
        return super().call(called, *arguments, **named)


DASH = Markup('<span class="text-secondary" aria-hidden="true">—</span>')
FILTERS = {"when": when, "day": day, "money": money, "phone": phone, "number": number,
           "duration": i18n.format_duration, "clock": i18n.format_time, "json_attr": to_attribute}


def make_environment(*, reload: bool = False) -> jinja2.Environment:
    """`reload`: look for changed templates at every use (development)."""
    environment = jinja2.Environment(
        loader=FeatureLoader(), autoescape=True, auto_reload=reload, cache_size=1000,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"])
    environment.context_class = FastContext
    environment.code_generator_class = jinja_speed.Generator
    environment.template_class = jinja_speed.Template
    environment.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters.update(FILTERS)
    environment.globals.update(
        _=text, gettext=text, ngettext=plural_text, badge=badge, icon=icon, asset=asset_url,
        language=i18n.language, languages=i18n.LANGUAGES, zone_name=i18n.zone_name)
    return environment


class Engine(JinjaTemplateEngine):
    """Litestar's engine with our own `csrf_token` instead of the framework's."""

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(engine_instance=environment)
        environment.globals["csrf_token"] = jinja2.pass_context(_context_token)


def _context_token(context: jinja2.runtime.Context) -> str:
    request = context.get("request")
    return csrf.csrf_token(request) if request is not None else ""


def template_config(*, reload: bool = False) -> TemplateConfig:
    """For `Litestar(template_config=...)`."""
    return TemplateConfig(instance=Engine(make_environment(reload=reload)))
