"""The reconciliation of the books in the console."""
