"""Backup and restoring of a node: its databases while they are in use, and its files."""
