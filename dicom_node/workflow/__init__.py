"""The corridor's stages and the order they run in; ``pipeline`` is the place to start reading."""
