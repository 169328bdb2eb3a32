"""Letters by name: what each may say, its built-in text per language, and the provider's own text over it.

    await letters.queue(tx, "credentials", "anna@company.example", "ru", name=…, login=…, …)

Texts are Jinja templates of which only `{{ name }}` and `{% if name %}` are allowed. Facts are handed over as
values; money and moments are written in the reader's language and zone [chapter 01 §8.9].
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache

import structlog
from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from app.kernel import mail
from app.kernel.db import DomainTx, PlatformTx, PoolTx
from app.kernel.i18n import LANGUAGES, LazyText, _, format_date, format_datetime, format_money, speaking
from app.kernel.letter_texts import REGISTRY, Letter, letter
from app.kernel.money import Money

__all__ = ["REGISTRY", "Letter", "letter", "queue", "written", "wrong_in"]

log = structlog.get_logger()

LONGEST_SUBJECT, LONGEST_BODY = 300, 20_000
_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.Compare, nodes.Operand,
            nodes.And, nodes.Or, nodes.Not, nodes.Const)


async def queue(tx: DomainTx | PlatformTx | PoolTx, key: str, recipient: str, locale: str, *,
                zone: str | None = None, domain_id: int | None = None, attachment_id: int | None = None,
                **facts: object) -> int:
    """Queue one letter in the reader's language; its id. `facts` are exactly the variables of its declaration.

    Raises:
        TypeError: a fact is missing or not declared.
    """
    known = REGISTRY[key]
    if set(facts) != set(known.sample):
        raise TypeError(f"letter {key} takes {sorted(known.sample)}, not {sorted(facts)}")
    locale = locale if locale in LANGUAGES else "en"
    row = await tx.fetchrow("SELECT subject, body FROM letter_text WHERE letter = $1 AND locale = $2", key, locale)
    own = (row["subject"], row["body"]) if row else None
    subject, body = written(known, locale, zone, own, facts)
    return await mail.queue(tx, recipient, subject, body, domain_id=domain_id, attachment_id=attachment_id)


def written(known: Letter, locale: str, zone: str | None, own: tuple[str, str] | None,
            facts: Mapping[str, object]) -> tuple[str, str]:
    """Subject (one line) and body. A text of the provider that fails is no reason not to tell: the built-in holds."""
    with speaking(locale, zone):
        for texts in (own, known.built_in(locale)):
            if texts is None:
                continue
            try:
                subject, body = (_template(text).render(facts) for text in texts)
                return " ".join(subject.split())[:LONGEST_SUBJECT], body
            except TemplateError as error:
                log.error("letter_text_broken", letter=known.key, locale=locale, error=str(error)[:200])
    raise RuntimeError(f"the built-in text of {known.key} is broken")


def wrong_in(known: Letter, text: str) -> str:
    """What is wrong with a template, in the reader's words; "" when nothing is."""
    try:
        tree = _environment.parse(text)
    except RecursionError:
        return _("Too many conditions inside each other.")
    except TemplateError as error:
        line = getattr(error, "lineno", None) or 1
        return _("Line %(line)s: %(what)s") % {"line": line, "what": str(error)[:150]}
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            return _("Line %(line)s: only {{ name }} and {%% if name %%} … {%% endif %%} are possible.") % {
                "line": node.lineno}
    unknown = sorted({node.name for node in tree.find_all(nodes.Name)} - set(known.sample))
    if unknown:
        return _("This letter does not know: %(names)s") % {"names": ", ".join(unknown)[:200]}
    return _fails(known, text)


def _fails(known: Letter, text: str) -> str:
    try:
        _template(text).render(known.sample)
    except (TemplateError, TypeError, RecursionError) as error:
        return str(error)[:200]
    return ""


def _shown(value: object) -> object:
    """A value as the reader writes it."""
    if isinstance(value, Money):
        return format_money(value)
    if isinstance(value, LazyText):
        return str(value)
    if isinstance(value, datetime):
        return format_datetime(value)
    return format_date(value) if isinstance(value, date) else value


def _make_environment() -> SandboxedEnvironment:
    """Plain text, nothing but the letter's own facts; a misspelt name fails."""
    made = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_shown, trim_blocks=True,
                                lstrip_blocks=True, keep_trailing_newline=True)
    made.globals.clear()
    made.filters.clear()
    return made


_environment = _make_environment()


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    return _environment.from_string(text)
