"""Domain pools in the provider's console [POOL-D5]."""
