"""Pickup groups: colleagues who answer for each other [PICK-01…14]."""
