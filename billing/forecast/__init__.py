"""How long the balance lasts: the days ahead, played with the rules of the daily run."""
