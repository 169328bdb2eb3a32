"""Progress of the daily billing run."""
