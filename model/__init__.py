"""The reader: a decoder's attention and its memory. Knows torch and transformers, not corpora or runs."""
