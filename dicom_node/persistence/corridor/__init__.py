"""The index of received instances and the Hotbase."""
