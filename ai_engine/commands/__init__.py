"""What a person runs: train, evaluate, compare, fine-tune, import."""
