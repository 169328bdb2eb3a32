"""General settings of a domain [SET-01…31]."""
