"""The twelve methods of the integration API, their quotas and codes of results [API-02, API-47, API-58, API-70]."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from app.kernel.i18n import LazyText, lazy


@dataclass(frozen=True, slots=True)
class Method:
    """`is_ours`: the PBX calls the external system; only such a method has a switch. `hourly`: None is no limit."""

    name: str
    label: LazyText
    is_ours: bool
    hourly: int | None


CALL_EVENTS, NUMBER_INFO, FILE_COMPLETED = "call_events", "get_number_info", "history_file_completed"
GET_RESTRICTION, SET_RESTRICTION = "restricting_user_outgoing_calls/get", "restricting_user_outgoing_calls/set"

METHODS: dict[str, Method] = {one.name: one for one in (
    Method(CALL_EVENTS, lazy("Notification about calls"), True, 1000),
    Method(NUMBER_INFO, lazy("Information about the calling number"), True, None),
    Method(FILE_COMPLETED, lazy("Notification that the file is ready"), True, None),
    Method("users_info", lazy("Address book of the domain's users"), False, 100),
    Method("call_info", lazy("Information about a call"), False, 100),
    Method("get_record", lazy("Recording of a conversation"), False, 1000),
    Method("call_back", lazy("Request for an outgoing call"), False, 1000),
    Method(GET_RESTRICTION, lazy("Outgoing restriction of a user: read"), False, 500),
    Method(SET_RESTRICTION, lazy("Outgoing restriction of a user: set"), False, 500),
    Method("user_calls_charges", lazy("Charges for the calls of a user"), False, 500),
    Method("domain_call_history", lazy("Order of a file with the journal"), False, 500),
    Method("download_call_history", lazy("Download of the file"), False, 500),
)}
OURS = tuple(one for one in METHODS.values() if one.is_ours)
THEIRS = tuple(one for one in METHODS.values() if not one.is_ours)


class Code(IntEnum):
    OK = 0
    INTERNAL = -1
    PARAMETERS = -2
    NO_USER = -3
    NO_SESSION = -4
    NO_RECORD = -5
    NO_ORDER = -6
    ORDER_NOT_READY = -7
    ORDER_EXISTS = -8
    QUOTA = -9
    DISABLED = -10
    CALL_NOT_STARTED = -20


class ApiError(Exception):
    """`result` of the answer is not 0. `status` other than 200 only where the request was not let in."""

    def __init__(self, code: Code, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def body(self) -> dict[str, object]:
        return {"result": str(int(self.code)), "resultMessage": self.message}
