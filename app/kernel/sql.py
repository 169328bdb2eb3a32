"""Text of a reader inside a pattern of LIKE."""

from __future__ import annotations


def like_escaped(text: str) -> str:
    r"""`%`, `_` and `\` mean themselves."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def like_text(text: str) -> str:
    """Pattern of LIKE or ILIKE for a substring."""
    return f"%{like_escaped(text)}%"
