"""Paid services of their own; `catalogue.py` names those that stand in the plan before their section does."""
