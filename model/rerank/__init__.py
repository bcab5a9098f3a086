"""Re-ranking: the reader reads a few candidate passages, each with the question behind it, and says which answers."""
