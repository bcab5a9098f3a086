"""Measuring, never imported by the stages."""
