"""Objects spoiled by lot, sent through the real receivers and worked on: `make fuzz`."""
