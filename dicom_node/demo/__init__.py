"""The demonstration: a synthetic study goes through a real node and comes back as evidence."""
