"""The panel's shell and page patterns: see README.md in this folder."""
