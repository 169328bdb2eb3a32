"""VIP numbers: callers who are served first in voice queues [VIP-01…07]."""
