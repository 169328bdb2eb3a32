"""Which channel is the conversation that a supervisor joins."""

from __future__ import annotations

from pbx_provisioning.agent.supervision import operator_channel
from pbx_provisioning.ami import Message


def channel(name: str, uniqueid: str, linkedid: str = "1.1", bridge: str = "b1") -> Message:
    return Message({"channel": name, "uniqueid": uniqueid, "linkedid": linkedid, "bridgeid": bridge})


def test_a_domain_whose_name_begins_like_this_one_is_another() -> None:
    own = channel("PJSIP/anna@acme.example-0000000a", "1.2")
    other = channel("PJSIP/anna@acme.example-shop.example-0000000b", "2.2", "2.1", "b2")
    assert operator_channel([other, own], "anna@acme.example", None) is own
    assert operator_channel([other], "anna@acme.example", None) is None
    assert operator_channel([other], "anna@acme.example-shop.example", None) is other


def test_of_a_call_by_a_group_only_the_operator_who_talks_with_its_caller() -> None:
    caller, own = channel("PJSIP/t1-00000001", "1.1"), channel("PJSIP/anna@acme.example-00000002", "1.2")
    second = channel("PJSIP/anna@acme.example-00000003", "3.2", "3.1", "b3")
    assert operator_channel([caller, own, second], "anna@acme.example", "1.1") is own
    assert operator_channel([own, second], "anna@acme.example", "1.1") is None  # the caller has hung up
    assert operator_channel([own, second], "anna@acme.example", None) is None  # which of the two?
