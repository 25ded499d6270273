"""Frozen values of the corridor, and the rules they keep. Imports no framework."""
