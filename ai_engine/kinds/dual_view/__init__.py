"""Frontal and lateral view together (paper 3)."""
