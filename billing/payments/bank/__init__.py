"""Statements of the provider's bank: read, matched to domains, posted once [FIN-D7]."""
