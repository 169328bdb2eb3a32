"""Recurring fees: what a domain owes for a day, and the daily run that charges it [FIN-D2]."""
