"""What is held of one text: tiers, index, retrieval, answers, checkpoints."""

STORAGES = ("float32", "bfloat16", "float8")
"""Number formats of what is kept; see `model.context.formats`."""
WAYS = ("recompute", "kv")
"""How blocks come back to be ranked and answered from; see `model.context.answer`."""
