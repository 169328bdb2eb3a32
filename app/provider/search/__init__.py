"""One box that finds domains, numbers, people."""
