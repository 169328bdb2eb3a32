"""Call records from the nodes into the database."""
