"""Processes and servers killed at random, everything delivered three times: not a kopeck may differ.

    python -m tests.faults --kills 1000 [--seed 7]
"""
