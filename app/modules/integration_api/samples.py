"""Sample requests and answers: of the test tab, the test address and the guide [API-50, API-52, API-60…69, T-08]."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kernel.i18n import LazyText, lazy
from app.modules.integration_api.answers import Fields, File, moscow
from app.modules.integration_api.calls import COLUMNS
from app.modules.integration_api.methods import (
    CALL_EVENTS,
    FILE_COMPLETED,
    GET_RESTRICTION,
    NUMBER_INFO,
    SET_RESTRICTION,
)

SESSION = "01927c3a-7b1e-8d20-9c41-5a6f7e8d9c0b"


@dataclass(frozen=True, slots=True)
class Test:
    """A request of ours that can be tried."""

    key: str
    label: LazyText
    method: str


TESTS = (
    Test("new", lazy("New call"), CALL_EVENTS),
    Test("connected", lazy("Beginning of the conversation"), CALL_EVENTS),
    Test("end", lazy("End of the call"), CALL_EVENTS),
    Test("number", lazy("Information about the calling number (smart routing)"), NUMBER_INFO),
    Test("file", lazy("The export file is ready"), FILE_COMPLETED),
    Test("calling", lazy("A user's contact numbers begin to ring"), CALL_EVENTS),
)


def request_of(key: str, domain: str, now: datetime) -> dict[str, Any]:
    """The body of a test request."""
    if key == "number":
        return {"session_id": SESSION, "timestamp": moscow(now), "domain": domain,
                "from_number": f"sip:79031234567@{domain}", "request_number": f"sip:74951234567@{domain}"}
    if key == "file":
        return {"order_id": "1", "timestamp": moscow(now), "result": 0, "resultMessage": ""}
    body = {"session_id": SESSION, "timestamp": moscow(now), "domain": domain, "type": "incoming", "state": key,
            "from_number": f"sip:79031234567@{domain}", "from_pin": "", "request_number": f"sip:74951234567@{domain}",
            "request_pin": ""}
    if key in ("connected", "calling"):
        body |= {"request_number": f"sip:test_user@{domain}", "request_pin": "101"}
    if key == "end":
        body |= {"disconnect_reason": "normal", "is_record": "false"}
    return body


# method → sample body, in the order of the page
BODIES: dict[str, str] = {
    "users_info": '{"user_pin": "101"}',
    "call_info": f'{{"session_id": "{SESSION}"}}',
    "get_record": f'{{"session_id": "{SESSION}", "ip_adress": "192.0.2.10"}}',
    "call_back": '{"request_number": "+74951234567","from_pin": "101"}',
    GET_RESTRICTION: '{"user_pin": "101"}',
    SET_RESTRICTION: '{"user_pin": "101", "restriction": 1}',
    "user_calls_charges": '{"user_pin": "101", "date_start": "2019-05-01 00:00:00", "date_end": "2019-05-31 00:00:00"}',
    "domain_call_history": '{"date_start": "2019-05-29 00:00:00", "date_end": "2019-10-06 00:00:00", "direction": 0, '
                           '"state": 0}',
    "download_call_history": '{"order_id": "1"}',
}


def canned(method: str, domain: str, address: str) -> Fields:
    """What the test address answers: no calls, no changes, nobody's data."""
    line = {"session_id": SESSION, "call_type": 1, "direction": 1, "state": 1,
            "orig_number": f"sip:79031234567@{domain}", "orig_pin": None, "dest_number": f"sip:74951234567@{domain}",
            "answering_sipuri": f"sip:test_user@{domain}", "answering_pin": "101", "start_call_date": 1571000000,
            "duration": 3, "session_log": "0:ct:74951234567;5:cc:101;8:cd:101;", "is_voicemail": False,
            "is_record": True, "is_fax": False, "status_code": 0, "status_string": ""}
    restriction = {"restriction": 1, "is_individual": True}
    answers: dict[str, Fields] = {
        "users_info": {"users": [{"display_name": "Test user", "name": "test_user", "pin": "101",
                                  "email": "test@company.example", "is_operator": False, "is_supervisor": False,
                                  "recording": True, "groups": ["Sales"]}]},
        "call_info": {"info": {name: value for name, value in line.items() if name != "session_id"}},
        "get_record": {"url": f"{address}/pbx-api/record/sample"},
        "call_back": {"session_id": SESSION},
        GET_RESTRICTION: restriction, SET_RESTRICTION: restriction,
        "user_calls_charges": {"calls_count": 1, "calls": [{
            "number": "74951234567", "date": "2019-05-29 10:00:00", "duration": 61, "charged_interval": 120,
            "cost": "3.00"}]},
        "domain_call_history": {"order_id": "1"},
    }
    if method in answers:
        return answers[method]
    cells = ["" if line[name] is None else str(int(line[name]) if isinstance(line[name], bool) else line[name])
             for name in COLUMNS]
    content = f"{';'.join(COLUMNS)}\n{';'.join(cells)}\n".encode()
    return File(content=gzip.compress(content, mtime=0), name="history_1.csv.gz")
