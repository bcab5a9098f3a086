"""Tuning a model for long contexts, with the attention that it is read with.

The idea: next-token loss alone hardly moves the few heads that retrieve, as most tokens follow from what
stands near. So their attention over the whole context is watched, and its entropy is part of the loss; so is
that of the other heads over the window, which may not shrink to a few near tokens.
"""
