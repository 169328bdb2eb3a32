"""Calls and voice messages of one user: a tab of the own area and of the user's page."""
