"""Bones and soft tissue of single radiographs (paper 3, section 3.2)."""
