"""Long-term memory: what is remembered, and how it is published."""
