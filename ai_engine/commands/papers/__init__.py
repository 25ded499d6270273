"""The papers' tables: trained, measured and printed with ours beside theirs, one command each."""
