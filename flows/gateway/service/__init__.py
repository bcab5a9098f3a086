"""What every protocol offers, once: questions, what was read, conversations, runs of the flows."""
