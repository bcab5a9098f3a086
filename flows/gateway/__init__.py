"""The gateway: HTTP doors to the memory and to the readers, for people and for programs."""
