"""Texts of the letters: the built-in ones and the provider's own."""
