"""Procedure steps on the Hotbase."""
