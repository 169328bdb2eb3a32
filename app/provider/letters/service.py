"""The provider's own texts of letters over the built-in ones [chapter 01 §8.9]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import LANGUAGES, _
from app.kernel.letters import LONGEST_BODY, LONGEST_SUBJECT, REGISTRY, Letter, written, wrong_in


@dataclass(frozen=True, slots=True)
class Text:
    """What is in force in one language. `changed_at` None: the built-in text."""

    locale: str
    subject: str
    body: str
    changed_at: datetime | None = None
    changed_by: str = ""


def known(key: str, locale: str = "") -> Letter:
    """Raises NotFound."""
    if key not in REGISTRY or (locale and locale not in LANGUAGES):
        raise NotFound("letter", _("There is no such letter."))
    return REGISTRY[key]


async def changed(tx: PlatformTx) -> dict[tuple[str, str], datetime]:
    """(letter, language) → when the provider changed it."""
    rows = await tx.fetch("SELECT letter, locale, changed_at FROM letter_text")
    return {(row["letter"], row["locale"]): row["changed_at"] for row in rows}


async def texts(tx: PlatformTx, letter: Letter) -> list[Text]:
    """One per language, Russian first."""
    own = {row["locale"]: Text(row["locale"], row["subject"], row["body"], row["changed_at"], row["changed_by"])
           for row in await tx.fetch("SELECT locale, subject, body, changed_at, changed_by FROM letter_text "
                                     "WHERE letter = $1", letter.key)}
    return [own.get(locale) or Text(locale, *letter.built_in(locale)) for locale in sorted(LANGUAGES, reverse=True)]


def check(letter: Letter, subject: str, body: str) -> None:
    """Raises InvalidFields: empty, too long, a syntax error, a variable that the letter does not know."""
    wrong: dict[str, str] = {}
    for field, text, most in (("subject", subject, LONGEST_SUBJECT), ("body", body, LONGEST_BODY)):
        if not text.strip():
            wrong[field] = _("Fill in this field.")
        elif len(text) > most:
            wrong[field] = _("At most %(count)s characters") % {"count": most}
        elif field == "subject" and not text.isprintable():
            wrong[field] = _("Line ends and control characters are not allowed")
        elif problem := wrong_in(letter, text):
            wrong[field] = problem
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)


def preview(letter: Letter, locale: str, subject: str, body: str) -> tuple[str, str]:
    """The letter with sample data. Raises InvalidFields."""
    check(letter, subject, body)
    return written(letter, locale, None, (subject, body), letter.sample)


async def save(tx: PlatformTx, letter: Letter, locale: str, subject: str, body: str) -> None:
    """Raises InvalidFields."""
    check(letter, subject, body)
    before = await _own(tx, letter, locale)
    await tx.execute(
        "INSERT INTO letter_text (letter, locale, subject, body, changed_at, changed_by) VALUES ($1,$2,$3,$4,$5,$6) "
        "ON CONFLICT (letter, locale) DO UPDATE SET subject = EXCLUDED.subject, body = EXCLUDED.body, "
        "changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by",
        letter.key, locale, subject, body, tx.now, tx.actor.login)
    await history.record(tx, "letter_changed", "letter", object_name=f"{letter.key} {locale}", changes={
        "letter_subject": (before[0], subject), "letter_body": (before[1], body)})


async def reset(tx: PlatformTx, letter: Letter, locale: str) -> bool:
    """Back to the built-in text; False when it is in force already."""
    before = await _own(tx, letter, locale)
    if await tx.execute("DELETE FROM letter_text WHERE letter = $1 AND locale = $2", letter.key, locale) == "DELETE 0":
        return False
    subject, body = letter.built_in(locale)
    await history.record(tx, "letter_reset", "letter", object_name=f"{letter.key} {locale}", changes={
        "letter_subject": (before[0], subject), "letter_body": (before[1], body)})
    return True


async def _own(tx: PlatformTx, letter: Letter, locale: str) -> tuple[str, str]:
    row = await tx.fetchrow("SELECT subject, body FROM letter_text WHERE letter = $1 AND locale = $2 FOR UPDATE",
                            letter.key, locale)
    return (row["subject"], row["body"]) if row else letter.built_in(locale)
