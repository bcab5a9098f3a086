"""Attention: kernels and their choice, sinks and a sliding window, rotation."""
