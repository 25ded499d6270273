"""Review: what experts say of what a model said."""
