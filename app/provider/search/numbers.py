"""Telephone numbers as people write them."""

from __future__ import annotations

import re

_WRITTEN_NUMBER = re.compile(r"\+?[0-9][0-9 ()./\-\u00a0]*", re.ASCII)


def written_forms(text: str) -> list[str]:
    """E.164 digits that a number as somebody wrote it may mean, the likeliest first; [] when it is none.

    "8 (495) 123-45-67", "+7495…", "495 123-45-67", "810 49 30…" and "00 49 30…" are all understood.
    """
    if not _WRITTEN_NUMBER.fullmatch(text):
        return []
    digits = re.sub("[^0-9]", "", text)
    if len(digits) < 3 or len(digits) > 20:
        return []
    forms = [digits]
    if not text.startswith("+"):
        if digits.startswith("810") and len(digits) > 10:
            forms.insert(0, digits[3:])
        elif digits.startswith("00"):
            forms.insert(0, digits[2:])
        elif digits[0] == "8":
            forms.insert(0, "7" + digits[1:])
        elif len(digits) == 10:
            forms.insert(0, "7" + digits)
    return [form for form in forms if form]
