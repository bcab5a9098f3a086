"""Plan: what to read, and what it costs."""
