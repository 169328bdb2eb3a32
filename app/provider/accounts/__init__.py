"""A domain's account as the provider sees it: the ledger, why a price, the statement."""
