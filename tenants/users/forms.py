"""What the pages of users send. Texts are judged by the rules, so that a reader sees every error at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from app.auth.passwords import check_password_rule
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.web.forms import FormModel
from tenants.numbers.rules import Restriction
from tenants.users.rules import NewUser, Profile, check_new_user

RowId = Annotated[int, Field(ge=1, lt=2**63)]
AS_DOMAIN = "domain"  # in the selector of restrictions [USR-84]


class NewUserForm(FormModel):
    """`proposed` is the extension that the open form offered: left as it is, it counts as automatic."""

    display_name: str = ""
    extension: str = ""
    proposed: str = ""
    position: str = ""
    login: str = ""
    password: str = Field(default="", repr=False)
    password_repeat: str = Field(default="", repr=False)
    email: str = ""
    send_credentials: bool = False
    groups: list[RowId] = Field(default_factory=list)  # call processing groups
    quoted: str = ""

    def command(self, *, has_groups: bool) -> NewUser:
        """Raises InvalidFields with everything that can be told without the database; where the company has groups, one
        must be chosen [GRP-21]."""
        new = NewUser(
            login=self.login, display_name=self.display_name, password=self.password,
            extension="" if self.extension == self.proposed else self.extension, position=self.position,
            email=self.email, send_credentials=self.send_credentials)
        _all_or_errors(
            lambda: check_new_user(new),
            lambda: check_password_rule(self.password, login=self.login, extension=self.extension),
            lambda: _same(self.password, self.password_repeat),
            lambda: _in_a_group(self.groups) if has_groups else None)
        return new


class ProfileForm(FormModel):
    """Blocks 1 and 2 of the user's page."""

    display_name: str = ""
    extension: str = ""
    position: str = ""
    email: str = ""
    outgoing_number_id: RowId | None = None
    notify_voicemail: bool = False

    def command(self) -> Profile:
        return Profile(self.display_name, self.extension, self.position, self.email, self.outgoing_number_id,
                       self.notify_voicemail)


class RestrictionForm(FormModel):
    restriction: str = ""

    def command(self) -> Restriction | None:
        """None: as in the domain's settings."""
        if self.restriction == AS_DOMAIN:
            return None
        try:
            return Restriction(self.restriction)
        except ValueError as bad:
            text = _("Choose one of the listed values.")
            raise InvalidFields("invalid_fields", text, fields={"restriction": text}) from bad


class AdministratorForm(FormModel):
    is_admin: bool = False


class OperatorForm(FormModel):
    """`quoted`: the mark of the amounts that were shown."""

    is_operator: bool = False
    quoted: Annotated[str, Field(max_length=100)] = ""


class PasswordForm(FormModel):
    """A new password; `current` is asked of its owner only."""

    current: str = Field(default="", repr=False)
    password: str = Field(default="", repr=False)
    password_repeat: str = Field(default="", repr=False)

    def checked(self) -> str:
        """The new password, entered twice alike and within the rule."""
        _all_or_errors(lambda: check_password_rule(self.password),
                       lambda: _same(self.password, self.password_repeat))
        return self.password


class OwnProfileForm(FormModel):
    """Nothing else of oneself can be changed here, whatever is sent [ACC-D10]."""

    display_name: str = ""
    email: str = ""
    notify_voicemail: bool = False


class ChosenUsersForm(FormModel):
    """Bulk deletion: those ticked, once the reader has confirmed them."""

    ids: list[RowId]


def _same(password: str, repeated: str) -> None:
    if password != repeated:
        text = _("The two passwords differ.")
        raise InvalidFields("passwords_differ", text, fields={"password_repeat": text})


def _in_a_group(groups: list[int]) -> None:
    if not groups:
        text = _("Choose at least one group.")
        raise InvalidFields("groups", text, fields={"groups": text})


def _all_or_errors(*checks: Callable[[], object]) -> None:
    """Run all of them; raise once with the fields of all that failed."""
    wrong: dict[str, str] = {}
    for check in checks:
        try:
            check()
        except InvalidFields as bad:
            wrong = bad.fields | wrong
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
