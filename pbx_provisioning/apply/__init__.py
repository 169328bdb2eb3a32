"""Bringing a node to the wanted configuration, step by step, each of them repeatable."""
