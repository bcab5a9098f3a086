"""Long-term memory at scale: made records, how fast it grows, how fast and how well it answers."""
