"""From a result that waits for an expert to the verdict's evidence."""
