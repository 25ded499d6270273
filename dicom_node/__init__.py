"""The node: receives studies, routes them to models and returns the results as DICOM."""

__version__ = "0.2.0"
