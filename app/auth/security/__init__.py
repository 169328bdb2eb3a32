"""One's own sessions, second factor and notices."""
