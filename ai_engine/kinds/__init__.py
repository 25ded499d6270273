"""Kinds of models: one folder each; what all share stands here."""
