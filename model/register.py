"""Registration with transformers: importing this module does it, and nothing else in the package does.

    import model.register

makes `attn_implementation="sparse_sliding_window"` a choice of every decoder, `attention_type` (its other
name, which may be set on a loaded model), `window_size`, `window_overlap`, `window_least`, `memory_levels`
and `memory_folder` fields of every configuration, and `memory_key` an argument of `generate`.
Importing it again changes nothing.
"""

from model.attention.sliding_window import register
from model.context.generate import install

register()
install()
