"""Inputs that went wrong once, each with what is right and the tests that show it."""
