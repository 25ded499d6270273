"""Lung outlines on radiographs (paper 3)."""
