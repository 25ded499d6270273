"""Queries (PS3.4 C.2.2.2), whatever carries them: keys, reading, matching, translation to SQL."""
