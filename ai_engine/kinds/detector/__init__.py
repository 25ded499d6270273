"""Opacities with boxes (paper 4)."""
