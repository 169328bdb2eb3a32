"""Voice scenarios: what callers hear and which key does what [IVR-01…73]."""
