"""Keys of the internal API."""
