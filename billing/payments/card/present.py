"""Words of card payments."""

from __future__ import annotations

from app.kernel.i18n import LazyText, lazy
from billing.payments.card.rules import State

STATES: dict[State, tuple[LazyText, str]] = {  # name and colour of its badge
    State.PENDING: (lazy("Awaiting payment"), "info"), State.SUCCEEDED: (lazy("Paid"), "success"),
    State.FAILED: (lazy("Payment failed"), "danger"), State.CANCELLED: (lazy("Payment cancelled"), "secondary"),
    State.REFUNDED: (lazy("Payment refunded"), "warning"), State.DISPUTED: (lazy("Payment disputed"), "danger"),
}

TOLD: dict[State, LazyText] = {  # on the page that people come back to
    State.PENDING: lazy("The payment company has not confirmed the payment yet. As soon as it does, the balance grows; "
                        "you may leave this page."),
    State.SUCCEEDED: lazy("The money is on the account."),
    State.FAILED: lazy("The bank has not let the payment through. No money was taken."),
    State.CANCELLED: lazy("The payment was not made. No money was taken."),
    State.REFUNDED: lazy("The money went back to the card."),
    State.DISPUTED: lazy("The owner of the card disputes the payment; the money was taken back."),
}


def state_name(state: str) -> str:
    return str(STATES[State(state)][0])


def state_badge(state: str) -> tuple[str, str]:
    """(text, colour)."""
    text, colour = STATES[State(state)]
    return str(text), colour
