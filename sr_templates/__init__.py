"""Evidence as DICOM: structured reports and secondary captures built from predictions."""
