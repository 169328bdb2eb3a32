"""The administrator's page of call protection: limits, forbidden destinations, new countries, stopped calls."""
