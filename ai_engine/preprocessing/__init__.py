"""From DICOM pixels to what a network sees, and back from its grid to the source image."""
