"""Findings as boxes: any detector whose exported network gives boxes and scores (paper 4)."""
