"""Columns, filters and words that the pages of recording and of speech analytics share."""

from __future__ import annotations

from app.kernel.i18n import _, lazy, ngettext
from app.web.lists import Column, ListQuery
from tenants.users.queries import BY_NAME, search_pattern

USER, ON = Column("name", lazy("User"), BY_NAME), Column("on", lazy("Call recording"), "u.recording_on")
ANALYSED = Column("analysed", lazy("Speech analytics"), "u.analytics_on")
CALLS = Column("calls", lazy("Call records"), wide_only=True)
STATES = {"on": lazy("Recording is on"), "analysed": lazy("Speech analytics is on")}


def narrowed(query: ListQuery) -> tuple[str | None, str]:
    return search_pattern(query.like(), query.search), query.value("state")


def term_words(months: int) -> str:
    """"1 month", "half a year", "3 years" [REC-30]."""
    if months == 6:
        return _("half a year")
    if months % 12:
        return ngettext("%(n)s month", "%(n)s months", months) % {"n": months}
    return ngettext("%(n)s year", "%(n)s years", months // 12) % {"n": months // 12}
