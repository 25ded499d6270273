"""Languages that results and pages are written in: sentences are English inside, others outside."""
