"""Payments entered by hand."""
