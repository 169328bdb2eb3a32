"""Call processing groups: several users answer calls to one number [GRP]."""
