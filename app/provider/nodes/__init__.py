"""PBX nodes: state, lag, drift."""
