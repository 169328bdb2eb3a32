"""Ways to get money onto an account that the domain itself has: the promised payment [FIN-19…32]."""
