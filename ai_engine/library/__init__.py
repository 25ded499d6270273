"""Models on disk: cards, labels, weights, the registry of folders."""
