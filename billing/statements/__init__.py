"""Statements of an account for a period, as PDF and XLSX; long tables as files."""
