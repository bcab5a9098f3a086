"""Forget: documents are erased from all that a home holds, and a search proves it."""
