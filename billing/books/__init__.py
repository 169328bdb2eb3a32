"""Reconciliation of the books: whether balances, lines, payments, calls and buckets agree."""
