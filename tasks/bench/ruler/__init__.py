"""Tasks of retrieval, tracing and counting in long texts, of the engine and of dense attention beside it.

The kinds of tasks are those of Hsieh et al. 2024, "RULER: What's the real context size of your long-context
language models?", section 3; texts, wordings and names are made here.
"""
