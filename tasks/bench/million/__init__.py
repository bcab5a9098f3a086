"""One context of millions of tokens, read on whatever this machine has, and asked while it grows."""
