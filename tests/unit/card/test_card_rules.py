"""Refunds and disputes come to the same sum in every order, and never to more than is true."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import Money
from billing.payments.card import rules
from billing.payments.card.rules import Back, State

PAID = Money.parse("500")


def money(kopecks: int) -> Money:
    return Money(Decimal(kopecks).scaleb(-2))


@dataclass(frozen=True)
class Told:
    """One thing that is heard: a refund or dispute as it is then, or the charge's own sum of refunds."""

    number: int = 0
    kind: str = ""
    amount: int = 0
    is_undone: bool = False
    seen: int = 0


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Told], int, int]:
    """What happens at the gateway in its order, and what went back in the end: refunds, disputes."""
    heard, refunds, seen = [], {}, 0
    for number in range(draw(st.integers(0, 5))):
        amount = draw(st.integers(1, 50_000 - seen)) if seen < 50_000 else 0
        if not amount:
            break
        refunds[number] = amount
        seen += amount
        heard += [Told(number, "refund", amount), Told(seen=seen)]
        if draw(st.booleans()):  # the card's bank sends it back
            del refunds[number]
            seen -= amount
            heard.append(Told(number, "refund", amount, is_undone=True))
    disputed = draw(st.sampled_from((0, 50_000)))
    if disputed:
        heard.append(Told(100, "dispute", disputed))
        if draw(st.booleans()):
            heard.append(Told(100, "dispute", disputed, is_undone=True))
            disputed = 0
    return heard, seen, disputed


def reckoned(heard: list[Told]) -> tuple[Money, State]:
    """As the service keeps it: highest sum seen, and of each refund whether it was ever undone."""
    seen, backs = 0, {}
    for one in heard:
        if one.kind:
            undone = one.is_undone or (one.number in backs and backs[one.number].is_undone)
            backs[one.number] = Back(one.kind, money(one.amount), undone)
        seen = max(seen, one.seen)
    refunded = rules.refunded_of(PAID, money(seen), backs.values())
    return rules.returned_of(PAID, refunded, backs.values()), rules.paid_state(PAID, backs.values(), refunded)


@given(stories(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_heard_does_not_matter(story: tuple[list[Told], int, int], chance) -> None:
    heard, refunded, disputed = story
    shuffled = heard * 2
    chance.shuffle(shuffled)
    back, state = reckoned(shuffled)
    assert back == money(min(50_000, refunded + disputed))
    assert (back, state) == reckoned(heard)
    assert state is (State.DISPUTED if disputed else State.REFUNDED if refunded >= 50_000 else State.SUCCEEDED)


@given(stories())
def test_either_teller_alone_never_says_more_than_came_in(story: tuple[list[Told], int, int]) -> None:
    heard = story[0]
    for part in ([one for one in heard if one.kind], [one for one in heard if not one.kind]):
        assert money(0) <= reckoned(part)[0] <= PAID


@pytest.mark.parametrize(("now", "is_failed", "is_over"), list(product(State, (True, False), (True, False))))
def test_without_money_only_a_pending_payment_ends(now: State, is_failed: bool, is_over: bool) -> None:
    after = rules.unpaid_state(now, is_failed=is_failed, is_over=is_over)
    if now is State.PENDING:
        assert after is (State.FAILED if is_failed else State.CANCELLED if is_over else State.PENDING)
    elif now is State.CANCELLED and is_failed:
        assert after is State.FAILED
    else:
        assert after is now
