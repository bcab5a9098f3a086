"""One chunk over several ranks: collectives, layouts, sequence parallelism."""
