"""The published network architectures, one file each."""
