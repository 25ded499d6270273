"""Bone suppression (paper 3)."""
