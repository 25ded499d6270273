"""Which service was tried with which peer, and what came of it."""
