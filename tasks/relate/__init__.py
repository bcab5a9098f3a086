"""Relate: what the documents of a run confirm, change or contradict of what was remembered before."""
