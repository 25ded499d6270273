"""Two models on the same images, paired."""
