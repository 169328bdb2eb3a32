"""People of a domain: cabinet login, SIP account and extension in one [USR-21…39, USR-53…78]."""
