"""Sessions: dialogues and long-lived readers, each named by a `memory_key`, with their rounds."""
