"""Measuring the engine beside baselines; nothing that reads imports this."""
