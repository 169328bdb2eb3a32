"""Call recording: the first paid service by users [REC, SVC-08]."""
