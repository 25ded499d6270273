"""Priors of studies, and images that transfers lack: both come from an archive."""
