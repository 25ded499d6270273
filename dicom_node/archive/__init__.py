"""Part 10 files on disk, laid out by device: the log from which the index can be rebuilt."""
