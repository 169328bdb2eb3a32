"""The provider's own people: who may open the console, in which role."""
