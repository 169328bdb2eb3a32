"""May this outside call be set up, for how long, with which caller ID and over which trunks?"""
