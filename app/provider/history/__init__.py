"""The action history of everybody, with the state of its seal."""
