"""Announcements (maintenance) on every page of the three panels."""
