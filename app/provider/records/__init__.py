"""What call records left over: those that could not become a call, and calls without a rate."""
