"""What a person can cause. Anything else is a defect: 500, logged."""

from __future__ import annotations


class AppError(Exception):
    """An answer for the reader: a code for programs, a message in the reader's words, facts."""

    status_code = 400  # on the class, where Litestar's log settings look

    def __init__(self, code: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.code, self.message, self.facts = code, message, facts


class NotSignedIn(AppError):
    status_code = 401


class Forbidden(AppError):
    status_code = 403


class NotFound(AppError):
    """Another tenant's id too: whether it exists is not told."""

    status_code = 404


class Refused(AppError):
    """The state of things forbids it (taken, blocked, not enough money)."""

    status_code = 409


class InvalidFields(AppError):
    """`facts["fields"]`: field name → text shown under the field."""

    status_code = 422

    @property
    def fields(self) -> dict[str, str]:
        found = self.facts.get("fields", {})
        return found if isinstance(found, dict) else {}


class TooManyRequests(AppError):
    status_code = 429
