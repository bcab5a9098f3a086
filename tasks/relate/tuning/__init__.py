"""Tuning the reading model on what memory holds: long samples of related documents, and the processes."""
