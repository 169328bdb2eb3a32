"""Tariffs, their versions and destination rates."""
