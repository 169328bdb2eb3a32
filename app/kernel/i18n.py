"""Languages: which one a reader gets, texts, numbers, money and times in it.

Texts are English in the code and translated by Babel catalogues in `app/locales`. The locale and the
time zone of a request live in context variables, so `_()` works anywhere below the request's
middleware. Formatters are written out by hand from Babel's data: a list page calls them hundreds of
times, and Babel's own take some 30 µs each.

    python -m app.kernel.i18n extract | compile | missing
"""

from __future__ import annotations

import gettext as stdlib_gettext
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel import Locale
from babel.numbers import get_currency_symbol

from app.kernel.money import Currency, Money

ROOT = Path(__file__).resolve().parent.parent.parent
LOCALES_DIR = ROOT / "app" / "locales"
LANGUAGES = {"en": "English", "ru": "Русский"}
DEFAULT_LANGUAGE = "en"
DEFAULT_ZONE = "Europe/Moscow"
NBSP = "\u00a0"
MINUS = "\u2212"

_language: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)
_zone: ContextVar[str] = ContextVar("zone", default=DEFAULT_ZONE)


# --- which language ----------------------------------------------------------------------------------


def negotiate(user_language: str | None, cookie: str | None, accept_language: str | None) -> str:
    """The reader's own choice, then the cookie `lang`, then the browser's list, then English."""
    for wish in (user_language, cookie):
        if wish in LANGUAGES:
            return wish  # type: ignore[return-value]
    return _best_accepted(accept_language or "")


@lru_cache(maxsize=512)
def _best_accepted(header: str) -> str:
    wishes: list[tuple[float, str]] = []
    for part in header[:200].split(","):
        tag, _sep, weight = part.strip().partition(";q=")
        try:
            wishes.append((float(weight or 1), tag.strip().lower().split("-")[0]))
        except ValueError:
            continue
    for weight, tag in sorted(wishes, key=lambda wish: -wish[0]):
        if tag in LANGUAGES and weight > 0:
            return tag
    return DEFAULT_LANGUAGE


def language() -> str:
    """Language code of the current request or job."""
    return _language.get()


def set_language(code: str) -> None:
    _language.set(code if code in LANGUAGES else DEFAULT_LANGUAGE)


def zone_name() -> str:
    return _zone.get()


def zone() -> tzinfo:
    """Time zone of the reader's domain."""
    return _zone_info(_zone.get())


def set_zone(name: str) -> None:
    """IANA name; an unknown one leaves the default in force."""
    _zone.set(name if name else DEFAULT_ZONE)


@cache
def _zone_info(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


@contextmanager
def speaking(code: str, zone_name: str | None = None) -> Iterator[None]:
    """Language (and zone) for a block: letters and exports are written in the reader's, not the job's."""
    language_token = _language.set(code if code in LANGUAGES else DEFAULT_LANGUAGE)
    zone_token = _zone.set(zone_name or _zone.get())
    try:
        yield
    finally:
        _language.reset(language_token)
        _zone.reset(zone_token)


# --- texts -------------------------------------------------------------------------------------------


@cache
def _catalogue(code: str) -> stdlib_gettext.NullTranslations:
    return stdlib_gettext.translation("messages", str(LOCALES_DIR), [code], fallback=True)


def gettext(message: str) -> str:
    """The text in the reader's language; the English one where no translation exists."""
    return _catalogue(_language.get()).gettext(message) if message else ""


def ngettext(singular: str, plural: str, n: int) -> str:
    return _catalogue(_language.get()).ngettext(singular, plural, n)


_ = gettext


@dataclass(frozen=True, slots=True)
class LazyText:
    """A text fixed at import and translated whenever it is shown."""

    message: str

    def __str__(self) -> str:
        return gettext(self.message)

    def __bool__(self) -> bool:
        return bool(self.message)


def lazy(message: str) -> LazyText:
    """For module-level texts (menus, columns, enum labels)."""
    return LazyText(message)


# --- numbers and money -------------------------------------------------------------------------------

_SEPARATORS = {"en": (",", "."), "ru": (NBSP, ",")}


def format_number(value: Decimal | int | float, decimals: int | None = None) -> str:
    """Grouped digits. `decimals=None` keeps a Decimal's own digits."""
    if decimals is not None:
        value = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    group, point = _SEPARATORS[_language.get()]
    whole, dot, fraction = f"{abs(value):,}".partition(".")
    text = whole.replace(",", group) + (point + fraction if dot else "")
    return MINUS + text if value < 0 else text


@cache
def _symbol(currency: Currency) -> str:
    return "₽" if currency is Currency.RUB else get_currency_symbol(currency.value, "en")


def currency_sign(currency: Currency) -> str:
    return _symbol(currency)


def format_money(money: Money, *, exact: bool = False, trim: bool = False) -> str:
    """"16 956,50 ₽". `exact` keeps up to six decimals (rates); `trim` drops trailing zeros [ACC-D9]."""
    minor = money.currency.minor_digits
    amount = money.amount
    if exact:
        own = -int(amount.as_tuple().exponent)
        amount = amount.quantize(Decimal(1).scaleb(-min(max(own, minor), 6)), ROUND_HALF_UP)
        whole, dot, fraction = f"{abs(amount):,f}".partition(".")
        fraction = fraction.rstrip("0").ljust(minor, "0")
    else:
        whole, dot, fraction = f"{abs(amount.quantize(_unit(minor), ROUND_HALF_UP)):,f}".partition(".")
    if trim:
        fraction = fraction.rstrip("0")
    group, point = _SEPARATORS[_language.get()]
    number = whole.replace(",", group) + (point + fraction if dot and fraction else "")
    sign = MINUS if amount < 0 and number.strip("0.,") else ""
    symbol = _symbol(money.currency)
    if _language.get() == "en" and money.currency is not Currency.RUB:
        return f"{sign}{symbol}{number}"
    return f"{sign}{number}{NBSP}{symbol}"


@cache
def _unit(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)


# --- times -------------------------------------------------------------------------------------------


@cache
def _months(code: str) -> tuple[str, ...]:
    names = Locale.parse(code).months["format"]["abbreviated"]
    return ("", *(names[month] for month in range(1, 13)))


def format_date(day: date) -> str:
    """"21.11.2026" or "21 Nov 2026"; of an aware datetime, the day in the reader's zone."""
    if isinstance(day, datetime):
        day = day.astimezone(_zone_info(_zone.get()))
    if _language.get() == "ru":
        return f"{day.day:02}.{day.month:02}.{day.year}"
    return f"{day.day} {_months('en')[day.month]} {day.year}"


def format_time(moment: datetime, *, seconds: bool = False) -> str:
    """Clock time in the reader's zone. `moment` is aware."""
    local = moment.astimezone(_zone_info(_zone.get()))
    clock = f"{local.hour:02}:{local.minute:02}"
    return f"{clock}:{local.second:02}" if seconds else clock


def format_datetime(moment: datetime, *, seconds: bool = False) -> str:
    """Date and clock time in the reader's zone. `moment` is aware."""
    local = moment.astimezone(_zone_info(_zone.get()))
    clock = f"{local.hour:02}:{local.minute:02}"
    if seconds:
        clock = f"{clock}:{local.second:02}"
    if _language.get() == "ru":
        return f"{local.day:02}.{local.month:02}.{local.year} {clock}"
    return f"{local.day} {_months('en')[local.month]} {local.year} {clock}"


def format_duration(length: timedelta | int) -> str:
    """"1:05" or "2:03:09"; an int is seconds."""
    seconds = int(length.total_seconds()) if isinstance(length, timedelta) else length
    minutes, rest = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@lru_cache(maxsize=16384)
def format_phone(number: str) -> str:
    """E.164 in the international notation; anything else (an extension, a SIP address) unchanged."""
    if not number.startswith("+"):
        return number
    # Russian numbers outside +7 6xx/7xx (Kazakhstan): the pattern of libphonenumber written out
    if number.startswith("+7") and len(number) == 12 and number[2] in "3489" and number[1:].isdigit():
        return f"+7 {number[2:5]} {number[5:8]}-{number[8:10]}-{number[10:12]}"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def format_phone_in_lists(number: str) -> str:
    """For the menu and lists of scenarios: `+7 (495) 000-00-00`; numbers of other countries as elsewhere [NUM-61]."""
    shown = format_phone(number)
    country, _, rest = shown.partition(" ")
    area, _, local = rest.partition(" ")
    return f"{country} ({area}) {local}" if country == "+7" and local else shown


# --- catalogues --------------------------------------------------------------------------------------

_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
_SOURCES = ("app", "tenants", "billing", "pbx_provisioning", "widgets")
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "lazy": None}


def compile_catalogues() -> list[Path]:
    """Write the `.mo` of every `.po` that is newer. Run at set-up; returns what was written."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    written = []
    for source in sorted(LOCALES_DIR.glob("*/LC_MESSAGES/*.po")):
        target, code = source.with_suffix(".mo"), source.parent.parent.name
        newest = max(path.stat().st_mtime for path in (source, *_parts(code)))
        if target.exists() and target.stat().st_mtime > newest:
            continue
        with source.open("rb") as stream:
            catalogue = read_po(stream, locale=code)
        _add_parts(catalogue, code, only_known=False)
        beside = target.with_suffix(".new")
        with beside.open("wb") as stream:
            write_mo(stream, catalogue)
        beside.replace(target)
        written.append(target)
    _catalogue.cache_clear()
    return written


def extract_messages() -> list[str]:
    """Rewrite `messages.pot` and bring every `.po` up to date; returns msgids without a translation.

    Translations are matched by msgid only: a changed English text asks for a new translation instead of
    keeping one that may no longer say the same.
    """
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir
    from babel.messages.pofile import read_po, write_po

    template = Catalog(project="Switchroom", charset="utf-8")
    options = {"jinja2": {"extensions": "jinja2.ext.i18n", "silent": "false", "trimmed": "true"}}
    for folder in _SOURCES:
        for name, _line, message, comments, context in extract_from_dir(
            str(ROOT / folder), _METHODS,
            {pattern: options.get(method, {}) for pattern, method in _METHODS}, keywords=_KEYWORDS,
        ):
            template.add(message, None, [(f"{folder}/{name}", 0)], auto_comments=comments, context=context)
    with (LOCALES_DIR / "messages.pot").open("wb") as stream:
        write_po(stream, template, sort_output=True, include_lineno=False, omit_header=False)
    missing: list[str] = []
    for path in sorted(LOCALES_DIR.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as stream:
            catalogue = read_po(stream, locale=path.parent.parent.name)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        _add_parts(catalogue, path.parent.parent.name, only_known=True)
        missing += [_first(message.id) for message in catalogue
                    if message.id and not _is_translated(message.string)]
        with path.open("wb") as stream:
            write_po(stream, catalogue, sort_output=True, include_lineno=False, width=100)
    return missing


def _parts(code: str) -> list[Path]:
    """`parts/<feature>.<language>.po`: translations of one feature, written beside the common file."""
    return sorted((LOCALES_DIR / "parts").glob(f"*.{code}.po"))


def _add_parts(catalogue: Any, code: str, *, only_known: bool) -> None:
    """Fill in what the common file lacks. `extract` takes only msgids that the code still uses."""
    from babel.messages.pofile import read_po

    for path in _parts(code):
        with path.open("rb") as stream:
            part = read_po(stream, locale=code)
        for message in part:
            if not message.id or not _is_translated(message.string):
                continue
            known = catalogue.get(message.id)
            if known is not None and not _is_translated(known.string):
                known.string = message.string
            elif known is None and not only_known:
                catalogue.add(message.id, message.string)


def _first(msgid: str | tuple[str, ...] | list[str]) -> str:
    return msgid if isinstance(msgid, str) else msgid[0]


def _is_translated(text: str | tuple[str, ...] | list[str] | None) -> bool:
    return all(text or ()) if isinstance(text, (tuple, list)) and text else bool(text)


def main(arguments: list[str]) -> int:
    """`extract` prints what still lacks a translation; `missing` also fails then (for tests)."""
    command = arguments[0] if arguments else "compile"
    if command == "compile":
        for path in compile_catalogues():
            print(path.relative_to(ROOT))
        return 0
    missing = extract_messages()
    for msgid in missing:
        print(f"not translated: {msgid}")
    return 1 if missing and command == "missing" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
