"""Findings of an image and its header (paper 4)."""
