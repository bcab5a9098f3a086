"""Attention: kernels and their choice, sinks and a sliding window, rotation."""

AUTO = "auto"
KERNEL_NAMES = (AUTO, "fused", "masked", "tiles", "flex")
"""What may be asked for: a kernel of `model.attention.kernels`, or whichever is quickest on this machine."""
