"""Recall: which records of memory answer a question, and why."""
