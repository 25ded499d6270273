"""The review queue on the Hotbase."""
