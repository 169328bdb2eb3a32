"""The provider's console: domains, numbers, tariffs, trunks, nodes, payments, jobs."""
