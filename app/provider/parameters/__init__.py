"""The provider's parameters: a page over the registry in app.kernel.parameters."""
