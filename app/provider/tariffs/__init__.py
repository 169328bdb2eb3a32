"""Tariffs, their versions and rates."""
