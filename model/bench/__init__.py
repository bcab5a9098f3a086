"""Measuring the engine beside baselines; nothing that reads imports this."""

PEERS = {"context": "context", "sdpa": "sdpa", "llama.cpp": "llama_cpp"}
"""Who is measured beside us, by the name that a user gives, and its key in a row of results. The first is us
again: a text that is only read to be asked about."""
