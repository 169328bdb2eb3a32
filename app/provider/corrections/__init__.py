"""Corrections of a balance by the provider, with a second pair of eyes above a limit [FIN-D13]."""
