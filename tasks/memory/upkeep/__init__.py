"""Upkeep: indices made whole, vectors made anew, old versions and left-overs dropped; and what needs it."""
