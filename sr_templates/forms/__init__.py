"""A report in another form: for archives that do not take the one that it was written in."""
