"""What experts have validated."""
