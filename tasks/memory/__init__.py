"""Long-term memory: remember and recall."""
