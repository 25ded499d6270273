"""DICOM over HTTP (PS3.18): QIDO-RS and WADO-RS over the archive, UPS-RS."""
