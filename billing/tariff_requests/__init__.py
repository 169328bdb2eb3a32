"""A domain asks its provider for another tariff [DASH-D1]; the provider's people take it from there."""
