"""What a user may be called, dialled by and reached at [USR-25…32]; which extension comes next [USR-26]."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from email_validator import EmailNotValidError, validate_email

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.numbers.rules import EMERGENCY, Restriction

MAX_NAME = 128
MAX_POSITION = 128
MAX_LOGIN = 64
MAX_EXTENSION_DIGITS = 5
FIRST_AUTOMATIC = 101
LAST_EXTENSION = 99_999
SEARCH_FROM = 3  # characters [USR-08]

_LOGIN = re.compile(rf"[a-z0-9._-]{{1,{MAX_LOGIN}}}", re.ASCII)
_EXTENSION = re.compile(rf"[0-9]{{1,{MAX_EXTENSION_DIGITS}}}", re.ASCII)
# Texts are shown beside others' texts: nothing in them may turn the reading direction round.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, lone surrogates, line and paragraph ends


@dataclass(frozen=True, slots=True)
class Profile:
    """What an administrator edits together on the user's page [USR-55, USR-57, USR-59].

    `extension` "" asks for the next free one. `outgoing_number_id` None: the domain's number is used.
    """

    display_name: str
    extension: str = ""
    position: str = ""
    email: str = ""
    outgoing_number_id: int | None = None
    notify_voicemail: bool = False


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user as ordered. What is not named starts as in USR-37."""

    login: str
    display_name: str
    password: str = field(repr=False)
    extension: str = ""  # "" takes the next free one, and another if that one is lost meanwhile
    position: str = ""
    email: str = ""
    send_credentials: bool = False
    is_admin: bool = False  # the domain's first person; the cabinet's form never sets it
    outgoing_number_id: int | None = None
    restriction: Restriction | None = None  # None: the domain's [USR-85]

    @property
    def profile(self) -> Profile:
        return Profile(self.display_name, self.extension, self.position, self.email, self.outgoing_number_id)


def check_profile(profile: Profile, *, pickup_number: str = "") -> Profile:
    """The profile in its stored form.

    Raises:
        InvalidFields: names every wrong field.
    """
    cleaned = replace(
        profile, display_name=one_line(profile.display_name), extension=profile.extension.strip(),
        position=one_line(profile.position), email=profile.email.strip())
    wrong = _profile_errors(cleaned, pickup_number)
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
    return replace(cleaned, email=_plain_email(cleaned.email))


def check_new_user(new: NewUser, *, pickup_number: str = "") -> NewUser:
    """The order in its stored form; the password is checked by `app.auth.passwords`.

    Raises:
        InvalidFields: names every wrong field.
    """
    login, wrong = new.login.strip(), {}
    try:
        profile = check_profile(new.profile, pickup_number=pickup_number)
    except InvalidFields as bad:
        wrong, profile = dict(bad.fields), new.profile
    problem = login_problem(login)
    if problem:
        wrong["login"] = problem
    if new.send_credentials and not new.email.strip():
        wrong["email"] = _("Enter the address that the credentials are to be sent to.")
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
    return replace(new, login=login, display_name=profile.display_name, extension=profile.extension,
                   position=profile.position, email=profile.email)


def _profile_errors(profile: Profile, pickup_number: str) -> dict[str, str]:
    found = {
        "display_name": text_problem(profile.display_name, MAX_NAME, required=True),
        "extension": extension_problem(profile.extension, pickup_number) if profile.extension else "",
        "position": text_problem(profile.position, MAX_POSITION),
        "email": email_problem(profile.email),
        "notify_voicemail": _("Enter the e-mail address first.") if profile.notify_voicemail and not profile.email
        else "",
    }
    return {name: problem for name, problem in found.items() if problem}


def one_line(text: str) -> str:
    """Spaces trimmed and runs of them made one; anything else is left for `text_problem` to judge."""
    return re.sub(r"[ \t\u00a0]+", " ", text).strip(" ")


def text_problem(text: str, most: int, *, required: bool = False) -> str:
    """Why a name or a job title cannot be kept, "" when it can. Letters, signs, emoji: all are text [USR-25]."""
    if required and not text:
        return _("Fill in this field.")
    if len(text) > most:
        return _("At most %(count)s characters") % {"count": most}
    if any(unicodedata.category(ch) in _HARMFUL or ch in _DIRECTION_MARKS for ch in text):
        return _("Line ends and control characters are not allowed")
    if required and not any(unicodedata.category(ch)[0] in "LNPS" for ch in text):
        return _("The name must have visible characters")
    return ""


def login_problem(login: str) -> str:
    """Why this cannot be a login, "" when it can [USR-28]. It is part of a SIP address for ever."""
    if not login:
        return _("Fill in this field.")
    if len(login) > MAX_LOGIN:
        return _("At most %(count)s characters") % {"count": MAX_LOGIN}
    if not _LOGIN.fullmatch(login):
        return _("Only lower-case Latin letters, digits and the signs . - _ are allowed")
    if not re.search("[a-z]", login):
        return _("At least one Latin letter is needed")
    return ""


def extension_problem(extension: str, pickup_number: str = "") -> str:
    """Why this cannot be an extension, "" when it can [USR-26]."""
    if not _EXTENSION.fullmatch(extension):
        return _("From 1 to 5 digits")
    if extension == "112":
        return _("112 is the emergency number")
    if extension == pickup_number:
        return _("%(number)s is the domain's number for picking up calls") % {"number": extension}
    return ""


def extension_warning(extension: str) -> str:
    """Allowed, but worth a thought [USR-26]."""
    if extension in EMERGENCY:
        return _("Inside the company %(number)s now reaches this user and not the emergency service. "
                 "112 reaches it as before.") % {"number": extension}
    return ""


def email_problem(email: str) -> str:
    if not email:
        return ""
    try:
        validate_email(email, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return _("Enter an e-mail address like name@company.example.")
    return ""


def _plain_email(email: str) -> str:
    """International domain names in the form that mail servers take."""
    if not email:
        return ""
    checked = validate_email(email, check_deliverability=False, allow_smtputf8=False)
    return checked.ascii_email or checked.normalized


def next_extension(last_automatic: int, taken: Collection[str], pickup_number: str = "") -> str | None:
    """The next free number after the highest automatically given one; from the start when those are used up.

    Numbers of emergency services are given on request only, since that takes a warning. None: all taken.
    """
    start = max(last_automatic + 1, FIRST_AUTOMATIC)
    for number in (*range(start, LAST_EXTENSION + 1), *range(FIRST_AUTOMATIC, start)):
        text = str(number)
        if text not in taken and text not in EMERGENCY and text != pickup_number:
            return text
    return None
