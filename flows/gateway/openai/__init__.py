"""OpenAI's API, as far as a memory and a reader can serve it."""
