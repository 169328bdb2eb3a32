"""Hardware phones of a domain: bound to users, configured by what they fetch from the panel [DEV]."""
