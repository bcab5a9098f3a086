"""Sentence vectors: of many texts with torch, and of a question without it."""
