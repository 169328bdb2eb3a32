"""Action history: who did what, when, from where, what was before and after."""
