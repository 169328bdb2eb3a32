"""Is what Asterisk holds what the database wants?"""
