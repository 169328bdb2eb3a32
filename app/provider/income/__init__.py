"""What the provider earned: sums of the revenue account."""
