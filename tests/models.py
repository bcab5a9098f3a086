"""Tiny decoders of random weights: they tokenise like the default model, and read in milliseconds."""

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
