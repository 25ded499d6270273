"""The composition root: what is built and wired, once, and the jobs of the clock."""
