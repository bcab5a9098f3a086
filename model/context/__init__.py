"""What is held of one text that was read: tiered keys, index, retrieval, answers, checkpoints."""
