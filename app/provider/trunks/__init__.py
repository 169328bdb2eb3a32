"""SIP trunks to carriers."""
