"""Telephone numbers of a domain: one written form, directions, emergency."""
