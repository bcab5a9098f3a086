"""Report: what a run did."""
