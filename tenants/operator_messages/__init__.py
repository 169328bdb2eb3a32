"""Messages of the administrator to operators, confirmed by password [MSG-01…09]."""
