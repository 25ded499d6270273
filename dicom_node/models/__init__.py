"""Which models there are, loaded and run: cards, promotions, calibrations, the host."""
