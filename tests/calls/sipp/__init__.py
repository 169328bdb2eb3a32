"""SIPp as telephones and as a trunk's far end, driven from asyncio tests."""
from tests.calls.sipp.driver import Call, FarEnd, Phone, Server, SippFailed

__all__ = ["Call", "FarEnd", "Phone", "Server", "SippFailed"]
