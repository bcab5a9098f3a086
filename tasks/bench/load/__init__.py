"""Load: many sessions ask real processes at once, while some of these are killed."""
