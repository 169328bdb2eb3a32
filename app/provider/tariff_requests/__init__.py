"""Domains that asked for another tariff [DASH-D1]."""
