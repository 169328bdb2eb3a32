"""What the pages of groups send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.web.forms import FormModel
from tenants.groups.rules import Algorithm, NewGroup, Settings, Workplace, algorithm_of

RowId = Annotated[int, Field(ge=1, lt=2**63)]
Seconds = Annotated[int, Field(ge=0, le=10**6)]


class NewGroupForm(FormModel):
    name: str = ""
    extension: str = ""
    algorithm: str = Algorithm.NONE.value
    members: list[RowId]

    def command(self) -> NewGroup:
        return NewGroup(self.name, self.extension, algorithm_of(self.algorithm), tuple(self.members))


class SettingsForm(FormModel):
    """The fields of another algorithm are sent, too: their values are kept."""

    name: str = ""
    extension: str = ""
    algorithm: str = Algorithm.NONE.value
    email: str = ""
    ring_seconds: Seconds = 30
    greeting_text: str = ""
    answer_seconds: Seconds = 20
    wrap_up_seconds: Seconds = 0
    average_talk_seconds: Seconds = 0
    queue_limit_seconds: Seconds = 0
    external_url: str = ""

    def command(self) -> Settings:
        return Settings(self.name, self.extension, algorithm_of(self.algorithm), self.email, self.ring_seconds,
                        Workplace(self.greeting_text, self.answer_seconds, self.wrap_up_seconds,
                                  self.average_talk_seconds, self.queue_limit_seconds, self.external_url))


class MembersForm(FormModel):
    members: list[RowId]


class IdsForm(FormModel):
    """Ticked members; `quoted`: the mark of the amounts that were shown."""

    ids: list[RowId]
    quoted: Annotated[str, Field(max_length=100)] = ""


class PriorityForm(FormModel):
    priority: int


class TopicForm(FormModel):
    name: str = ""


class ArchiveForm(FormModel):
    is_archived: bool = False


class CallSettingsForm(FormModel):
    """Ids of files, or nothing: no file."""

    greeting: RowId | None = None
    vm: RowId | None = None
    ringback: RowId | None = None
    voicemail_on: bool = False
    voicemail_greeting_on: bool = False
