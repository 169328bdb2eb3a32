"""Asterisk's manager interface: a small asyncio client."""

from pbx_provisioning.ami.client import AmiClient, AmiDown, AmiError
from pbx_provisioning.ami.protocol import Message

__all__ = ["AmiClient", "AmiDown", "AmiError", "Message"]
