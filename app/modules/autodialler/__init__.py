"""Auto-dialler: a voice message is delivered to a list of numbers [ADL]."""
