"""Fraud guards: how much, how fast and where a domain may make paid calls; what happens when it goes beyond."""
