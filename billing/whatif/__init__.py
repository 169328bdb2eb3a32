"""What the calls of the past would have cost by another version of a tariff."""
