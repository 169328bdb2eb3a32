"""The journal of calls."""
