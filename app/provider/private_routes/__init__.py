"""Private routes of a domain as the provider's staff sets them up."""
