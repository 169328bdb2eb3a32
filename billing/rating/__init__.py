"""What a call costs: prefixes, time bands, increments [FIN-57…62]."""
