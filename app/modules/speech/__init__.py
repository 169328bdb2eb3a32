"""Speech analytics: recorded conversations as text, measured and scored [SPA]."""
