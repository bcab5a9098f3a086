"""Watching a place: what of its listing has not been read, events that say so sooner, failures put aside."""
