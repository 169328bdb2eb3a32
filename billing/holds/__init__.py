"""Money set aside for calls in progress, so that parallel calls cannot overspend."""
