"""A domain's account: schemes, fees, blocks, postings [FIN-01…56]."""
