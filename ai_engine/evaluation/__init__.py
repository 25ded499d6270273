"""Evaluation: what a model can do, measured as it is served, with intervals."""
