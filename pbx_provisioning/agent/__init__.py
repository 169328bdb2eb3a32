"""The process beside each Asterisk: configuration in, call records out, calls kept within their money."""
