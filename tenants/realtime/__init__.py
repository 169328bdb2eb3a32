"""Real-time statistics of operators and groups, and joining an operator's conversation [RT-01…12]."""
