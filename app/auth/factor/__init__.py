"""The second factor: one-time codes of an authenticator (RFC 6238), with recovery codes."""
