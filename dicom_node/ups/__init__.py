"""Unified Procedure Steps (PS3.4 CC) and the Modality Worklist, whatever carries them."""
