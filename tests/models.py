"""Tiny decoders of random weights, that tokenise like the default model; an embedder of one layer."""

import json
import shutil
from pathlib import Path
from typing import Any

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
SIZES = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 16}


def tiny_model(folder: Path, tokenizer: Path, **fields: Any) -> Path:
    """Save a Llama of random weights into `folder`, with the tokenizer of another.

    Args:
        fields: of the configuration, where they differ from `SIZES` and `HEADS`.
    """
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    config = LlamaConfig(**{"vocab_size": 49152, **SIZES, **HEADS, **fields})
    config.eos_token_id, config.bos_token_id, config.pad_token_id = 2, 1, 2
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(tokenizer / name, folder / name)
    return folder


def shallow_embedder(folder: Path, embedder: Path, layers: int = 1) -> Path:
    """An embedder's first layers, in a folder of its own: of one, a sixth of the work."""
    folder.mkdir()
    for name in ("model.safetensors", "vocab.txt", *TOKENIZER_FILES):
        (folder / name).symlink_to(embedder / name)
    config = json.loads((embedder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers}))
    return folder
