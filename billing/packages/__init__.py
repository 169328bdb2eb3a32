"""What a month includes: the tariff's package of minutes [FIN-15, FIN-60]."""
