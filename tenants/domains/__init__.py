"""The tenant itself: a company's domain, its mode, blocks and state of provisioning."""
