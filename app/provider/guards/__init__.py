"""Call protection over all domains: who is stopped, who spends much, and the bounds of one domain."""
