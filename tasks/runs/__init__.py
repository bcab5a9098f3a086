"""Runs: what one is and is given, and the ledger of what all of them have done."""
