"""From a quiet study to its results in the PACS."""
