"""Background jobs, events and letters."""
