"""Re-ranking: the reader reads candidate passages, each with the question behind it."""
