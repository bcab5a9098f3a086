"""Values only: YAML presets, every key owned by a frozen dataclass."""
