"""Reports and statistics of the contact centre [RPT-01…65]."""
