"""Start page of a domain administrator, and what stands around every page of the domain panel."""
