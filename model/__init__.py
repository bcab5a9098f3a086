"""The reader: the network's attention and its memory. Knows torch and transformers, not corpora or runs.

Importing it makes `attn_implementation="sparse_sliding_window"` and `generate(..., memory_key=...)` known to
transformers.
"""

from model.attention.sliding_window import register
from model.context.generate import install

register()
install()
