"""Text: what a document is made of, from characters alone: sentences, passages, and what to call it."""
