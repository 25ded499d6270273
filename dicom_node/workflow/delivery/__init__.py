"""Delivery: evidence goes to each destination on its own, and is tried until it is there."""
