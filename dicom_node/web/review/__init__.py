"""The worklist: a queue of results that wait for an expert, and the view of one study."""
