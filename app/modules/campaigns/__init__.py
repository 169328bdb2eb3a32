"""Outgoing campaigns: operators call the clients of a list [CMP]."""
