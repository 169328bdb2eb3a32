"""The letters of the platform with their built-in texts [chapter 01 §8.9]. A feature may declare its own
with `letters.letter(...)`; how they are written and sent is in letters.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.kernel.i18n import LazyText, lazy, speaking
from app.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Letter:
    """`subject` and `body` are the built-in templates; `sample` names every variable with an example."""

    key: str
    title: LazyText
    subject: LazyText
    body: LazyText
    sample: Mapping[str, object]

    def built_in(self, locale: str) -> tuple[str, str]:
        """Subject and body in one language."""
        with speaking(locale):
            return str(self.subject), str(self.body)


REGISTRY: dict[str, Letter] = {}


def letter(key: str, title: LazyText, subject: LazyText, body: LazyText, **sample: object) -> Letter:
    """Declare a letter; called where a module is imported."""
    known = Letter(key, title, subject, body, sample)
    assert key not in REGISTRY, key
    REGISTRY[key] = known
    return known

_MOMENT = datetime(2026, 4, 21, 13, 2, tzinfo=UTC)
_DOMAIN = "company.pbx.example"
_URL = "https://pbx.example"

# --- access ---

letter("credentials", lazy("Access data of a user"), lazy("Your access to the telephone system"),
       lazy("Hello, {{ name }}!\n\nYour telephone account is ready.\n\n"
            "Cabinet: {{ url }}\nDomain: {{ domain }}\nLogin: {{ login }}\nPassword: {{ password }}\n\n"
            "The same login, domain and password are for a SIP phone or softphone: {{ login }}@{{ domain }}\n"),
       name="Anna Petrova", url=f"{_URL}/sign-in", domain=_DOMAIN, login="anna", password="Example1")
letter("pool_credentials", lazy("Access data of a pool administrator"),
       lazy("Your access to the pool «{{ pool }}»"),
       lazy("Hello, {{ name }}!\n\nYou administer domains of the pool «{{ pool }}».\n\n"
            "Sign-in: {{ url }}\nLogin: {{ login }}\nPassword: {{ password }}\n"),
       name="Anna Petrova", pool="Branches", url=f"{_URL}/group/sign-in", login="anna", password="Example1")
letter("staff_credentials", lazy("Access data of a member of the staff"), lazy("Your access to the provider's console"),
       lazy("Hello, {{ name }}!\n\nSign-in: {{ url }}\nLogin: {{ login }}\nPassword: {{ password }}\n\n"
            "Change the password after the first sign-in.\n"),
       name="Anna Petrova", url=f"{_URL}/provider/sign-in", login="anna", password="Example1")
letter("password_reset", lazy("Link for a new password"), lazy("New password for {{ login }}@{{ domain }}"),
       lazy("Hello, {{ name }}!\n\n"
            "Somebody, probably you, asked for a new password for {{ login }} in the domain {{ domain }}.\n"
            "Follow this link within {{ minutes }} minutes to set it:\n\n{{ link }}\n\n"
            "If it was not you, do nothing: the password stays as it is.\n"),
       name="Anna Petrova", login="anna", domain=_DOMAIN, minutes=60, link=f"{_URL}/new-password?token=…")

# --- voicemail ---

letter("voicemail", lazy("New voice message"), lazy("Voice message from {{ caller }}"),
       lazy("Hello, {{ name }}!\n\n{{ caller }} left you a voice message on {{ at }}, length {{ length }}.\n\n"
            "Listen to it: {{ link }}\n"),
       name="Anna Petrova", caller="+7 495 123-45-67", at=_MOMENT, length="0:42", link=f"{_URL}/me/calls")

letter("group_voicemail", lazy("Voice message for a group"), lazy("{{ group }}: voice message from {{ caller }}"),
       lazy("{{ caller }} left a voice message for the group {{ group }} on {{ at }}, length {{ length }}.\n\n"
            "The recording is attached.\n"),
       group="Sales", caller="+7 495 123-45-67", at=_MOMENT, length="0:42")

# --- blocks and trial ---

letter("block_started", lazy("Service suspended"), lazy("{{ domain }}: service suspended"),
       lazy("The service of {{ domain }} is suspended: {{ kind }}. New calls are refused, except emergency "
            "numbers.\n\nBalance of the account: {{ balance }}\n\n"
            "{% if is_financial %}\nTop up the account to continue.\n{% else %}\n"
            "Please turn to the provider.\n{% endif %}\n"),
       domain=_DOMAIN, kind=lazy("Financial block"), is_financial=True, balance=Money.parse("-12.50"))
letter("block_ended", lazy("Service restored"), lazy("{{ domain }}: service restored"),
       lazy("The block of {{ domain }} has been lifted: {{ kind }}. Calls work again.\n\n"
            "Balance of the account: {{ balance }}\n"),
       domain=_DOMAIN, kind=lazy("Financial block"), balance=Money.parse("487.50"))
letter("numbers_connected", lazy("Numbers are connected"), lazy("{{ domain }}: numbers are connected"),
       lazy("These numbers are connected to {{ domain }}: {{ numbers }}.\n\nConnection cost: {{ cost }}\n"),
       domain=_DOMAIN, numbers="+7 495 123-45-67", cost=Money.parse("1500.00"))
letter("trial_ends_soon", lazy("The trial ends soon"), lazy("{{ domain }}: the trial ends soon"),
       lazy("The trial of {{ domain }} ends on {{ end }}. Outgoing minutes left: {{ minutes }}.\n\n"
            "To go on in commercial mode, sign a contract with the provider: reply to this letter or call your "
            "manager.\n"),
       domain=_DOMAIN, end=_MOMENT, minutes=12)
letter("trial_ended", lazy("The trial is over"), lazy("{{ domain }}: the trial is over"),
       lazy("The trial of {{ domain }} is over: calls are not possible, except to emergency numbers. The cabinet "
            "stays open.\n\n"
            "To go on in commercial mode, sign a contract with the provider: reply to this letter or call your "
            "manager.\n"),
       domain=_DOMAIN, end=_MOMENT, minutes=0)
letter("trial_minutes_used_up", lazy("The trial minutes are used up"),
       lazy("{{ domain }}: the trial minutes are used up"),
       lazy("The outgoing minutes of the trial of {{ domain }} are used up. Internal and incoming calls work as "
            "before. The trial ends on {{ end }}.\n\n"
            "To go on in commercial mode, sign a contract with the provider: reply to this letter or call your "
            "manager.\n"),
       domain=_DOMAIN, end=_MOMENT, minutes=0)

# --- money ---

letter("credit_near", lazy("Near the credit limit"), lazy("{{ domain }}: the credit limit is near"),
       lazy("The balance of {{ domain }} is {{ balance }}. At {{ limit }} of debt the service is suspended; "
            "{{ room }} is left.\n\nTop up the account in time.\n"),
       domain=_DOMAIN, balance=Money.parse("-900"), limit=Money.parse("1000"), room=Money.parse("100"))
letter("promised_due", lazy("A promised payment will be debited"),
       lazy("{{ domain }}: the promised payment will be debited"),
       lazy("On {{ moment }} the promised payment of {{ amount }} will be debited from the account of "
            "{{ domain }}. The balance now is {{ balance }}.\n"
            "{% if missing %}\n\nMissing by then: {{ missing }}. Without it the service may be suspended.\n"
            "{% endif %}\n"),
       domain=_DOMAIN, moment=_MOMENT, amount=Money.parse("500"), balance=Money.parse("100"),
       missing=Money.parse("400"))
letter("balance_low", lazy("The balance is below the threshold"), lazy("{{ domain }}: the balance is {{ balance }}"),
       lazy("The balance of {{ domain }} has fallen below {{ threshold }}. It is {{ balance }} now.\n\n"
            "The threshold is set in the general settings of the domain.\n"),
       domain=_DOMAIN, balance=Money.parse("990"), threshold=Money.parse("1000"))
letter("card_receipt", lazy("Receipt of a card payment"), lazy("{{ domain }}: payment received"),
       lazy("{{ amount }} came in by card on {{ at }}. The balance of {{ domain }} is {{ balance }}.\n"),
       domain=_DOMAIN, amount=Money.parse("1000"), at=_MOMENT, balance=Money.parse("1487.50"))
letter("card_problem", lazy("Card payment failed, refunded or disputed"),
       lazy("{{ domain }}: card payment — {{ state }}"),
       lazy("State of the card payment of {{ amount }} of {{ at }}: {{ state }}. The balance of {{ domain }} is "
            "{{ balance }}.\n"),
       domain=_DOMAIN, amount=Money.parse("1000"), at=_MOMENT, state=lazy("refunded"), balance=Money.parse("487.50"))
letter("auto_topup_off", lazy("Automatic top-up switched off"), lazy("{{ domain }}: automatic top-up is off"),
       lazy("Three attempts in a row to take {{ amount }} from the saved card failed, the last one on {{ at }}. "
            "The automatic top-up of {{ domain }} is switched off. The balance is {{ balance }}.\n"),
       domain=_DOMAIN, amount=Money.parse("1000"), at=_MOMENT, balance=Money.parse("12.50"))
letter("books_differ", lazy("The books do not agree"), lazy("The books do not agree: {{ count }} differences"),
       lazy("The reconciliation found {{ count }} differences in {{ domains }} domains. The first: {{ domain }}, "
            "{{ what }} is {{ found }}, should be {{ expected }}.\n\n{{ url }}\n"),
       count=2, domains=1, domain=_DOMAIN, what="balance", expected="10.00", found="1010.00",
       url=f"{_URL}/provider/books/7")
letter("correction_waits", lazy("A correction waits for another person"),
       lazy("{{ domain }}: a correction of {{ amount }} waits for you"),
       lazy("{{ author }} asks to correct the balance of {{ domain }} by {{ amount }}: {{ reason }}\n\n"
            "Another person must confirm or reject it:\n{{ url }}\n"),
       domain=_DOMAIN, author="Anna Petrova", amount=Money.parse("25000"), reason="double charge of May",
       url=f"{_URL}/provider/corrections?state=pending")
