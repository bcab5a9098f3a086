"""Reduce: window outputs into a tree of summaries."""
