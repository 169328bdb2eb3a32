"""Payments by bank card: Checkout, saved card, automatic top-up [FIN-D7, FIN-D15]."""
