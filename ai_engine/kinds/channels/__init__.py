"""Input channels that other models make."""
