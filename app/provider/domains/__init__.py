"""Domains of all customers: list, card, terms, blocks."""
