"""Matching by PS3.4 C.2.2.2, whatever carries the query."""
