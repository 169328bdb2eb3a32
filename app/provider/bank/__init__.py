"""Import of the bank's statements in the console [FIN-D7]."""
