"""The inventory of telephone numbers."""
