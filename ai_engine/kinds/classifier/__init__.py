"""Findings of one radiograph (papers 1 and 4)."""
