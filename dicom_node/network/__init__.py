"""DICOM over the network: the only package that imports pynetdicom."""
