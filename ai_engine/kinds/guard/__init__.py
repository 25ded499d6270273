"""Is this the image that a model is for? (paper 2)."""
