"""Private routes: SIP trunks between a company's own office PBX and its domain [PRV-01…47]."""
