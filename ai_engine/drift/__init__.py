"""Drift: whether a device's images and scores, and experts' agreement, are what they were.

Nothing here reads a database.
"""
