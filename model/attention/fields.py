"""What a model's configuration says of this attention: the window, how far back memory goes, where it lies.

The idea: these are fields of every configuration, so they are given at loading or set on `model.config`
later, like any other.
"""

from typing import Any

from model.geometry import SINKS

DEFAULTS: dict[str, Any] = {
    "window_size": 4096,
    "window_overlap": 0.5,
    "window_least": 0,
    "memory_levels": None,
    "memory_folder": None,
    "memory_storage": None,
}
"""Fields of every configuration, which may be set at loading or later."""


def stride_of(config: Any) -> int:
    """Tokens of a chunk, from a model configuration's `window_size` and `window_overlap`.

    Raises:
        ValueError: if they make no window.
    """
    size, overlap = config.window_size, config.window_overlap
    stride: int = round(size * (1 - overlap))
    if not 0 < overlap < 1 or 2 * stride != size or stride % SINKS:
        raise ValueError(
            f"window_size={size}, window_overlap={overlap}: a chunk attends the one before it, so give "
            f"window_overlap=0.5 and a window_size that is a multiple of {2 * SINKS}"
        )
    return stride


def least_of(config: Any, stride: int) -> int:
    """`window_least` of a configuration: past tokens of the narrowest window; 0 always a whole chunk.

    Raises:
        ValueError: if that is no multiple of the sinks, or more than a chunk.
    """
    least = int(config.window_least)
    if least % SINKS or not 0 <= least <= stride:
        raise ValueError(
            f"window_least={least}: give 0, for windows of one width, or a multiple of {SINKS} up to "
            f"{stride}: tokens of the past that the easiest chunk attends"
        )
    return least


def levels_of(config: Any) -> int:
    """`memory_levels` of a configuration: 1 the window, 2 blocks in memory beyond it, 3 and on disk.

    Unless it is set it is 3 where a `memory_folder` is, and 2 elsewhere.

    Raises:
        ValueError: if it is none of these.
    """
    if (levels := config.memory_levels) is None:
        return 3 if config.memory_folder else 2
    if levels not in (1, 2, 3):
        raise ValueError(f"memory_levels={levels}: choose 1, 2 or 3")
    return int(levels)


def settled(config: Any) -> Any:
    """The decoder's part of a model's configuration, with the fields that were set on the whole."""
    own = config.get_text_config()
    for name in DEFAULTS if own is not config else ():
        if name in vars(config):
            setattr(own, name, getattr(config, name))
    return own


class AttentionType:
    """`config.attention_type`: the name of the decoder's attention, to be read, and set at any time.

    A model of text and images (Llama 4 as it is published) keeps its own for the images. A field of that name
    which a configuration has of its own (BigBird) means something else and stays so.

    Args:
        ours: the name that may be set on every configuration.
    """

    def __init__(self, ours: str) -> None:
        self.ours = ours

    def __get__(self, config: Any, owner: type | None = None) -> Any:
        if config is None:
            return self
        return vars(config).get("attention_type", config.get_text_config()._attn_implementation)

    def __set__(self, config: Any, name: Any) -> None:
        own = config.get_text_config()
        if self.ours in (name, own._attn_implementation):
            vars(config).pop("attention_type", None)
            own._attn_implementation = name
        else:
            vars(config)["attention_type"] = name
