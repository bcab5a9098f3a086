"""Infer: every window of every document through the reader."""
