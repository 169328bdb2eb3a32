"""Faxes of users: sending from the personal area, receiving, journal and protocol."""
