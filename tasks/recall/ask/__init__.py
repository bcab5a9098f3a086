"""Asking: the sentences of the memory that answer a question, or that none does."""
